/* memory.ts -- where the badge was put, and whether it is hidden: kept by the browser, for pages of this origin. A page without storage forgets. And the cookie
 * that has the next page traced. */

export type Corner = "bottom-right" | "bottom-left" | "top-right" | "top-left";

const CORNERS: Corner[] = ["bottom-right", "bottom-left", "top-right", "top-left"];

export function nearestCorner(text: string): Corner {
  return CORNERS.find((corner) => corner === text) ?? "bottom-right";
}

export function recall(name: string): string {
  try {
    return localStorage.getItem(`hotplate.${name}`) ?? "";
  } catch {
    return "";
  }
}

export function remember(name: string, text: string): void {
  try {
    localStorage.setItem(`hotplate.${name}`, text);
  } catch {
    // not allowed here: the next page begins anew
  }
}

const TICKET_S = 60;
const TICKET = "hotplate-trace"; // as the server names it

function setCookie(name: string, value: string, seconds: number): void {
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not everywhere
  document.cookie = `${name}=${value}; path=/; max-age=${seconds}; SameSite=Strict`;
}

/** Send a ticket with what is loaded next. */
export function showTicket(ticket: string): void {
  setCookie(TICKET, ticket, TICKET_S);
}

/** Send none any more. */
export function hideTicket(): void {
  if (document.cookie.includes(`${TICKET}=`)) setCookie(TICKET, "", 0);
}
