/* memory.ts -- where the badge was put, and whether it is hidden: kept by the browser, for pages of this origin. A page without storage forgets. */

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
