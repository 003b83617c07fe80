/* where.ts -- where one is in the dashboard, as the URL's fragment says it: "#/route?route=GET+%2Fx&last=900". A link to what one sees is that URL. */

export const PAGES = [
  "overview",
  "routes",
  "route",
  "requests",
  "request",
  "sql",
  "findings",
  "compare",
  "profiles",
  "process",
  "settings",
  "source",
  "pageview",
] as const;
export type PageName = (typeof PAGES)[number];

export type Words = Record<string, string>;

export interface Where {
  page: PageName;
  words: Words;
}

/** What travels from page to page: which requests all of them speak of. */
export const SCOPE = ["last", "from", "to", "label", "revision", "level"] as const;

/** The place a fragment means; an unknown page is the overview. */
export function parseWhere(fragment: string): Where {
  const found = /^#?\/?([a-z]*)(?:\?(.*))?$/s.exec(fragment);
  const page = PAGES.find((name) => name === found?.[1]) ?? "overview";
  const words: Words = {};
  for (const [key, value] of new URLSearchParams(found?.[2] ?? "")) if (value !== "") words[key] = value;
  return { page, words };
}

export function formatWhere(page: PageName, words: Words): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(words)) if (value !== "") search.set(key, value);
  const text = search.toString();
  return `#/${page === "overview" ? "" : page}${text === "" ? "" : `?${text}`}`;
}

/** The fragment of another page that speaks of the same requests. */
export function linkTo(where: Where, page: PageName, words: Words = {}): string {
  return formatWhere(page, { ...scopeOf(where.words), ...words });
}

export function scopeOf(words: Words): Words {
  const scope: Words = {};
  for (const key of SCOPE) if (words[key] !== undefined) scope[key] = words[key];
  return scope;
}

/** "requests?last=900&limit=50": the words given, without empty ones. */
export function question(name: string, words: Words): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(words)) if (value !== "") search.set(key, value);
  const text = search.toString();
  return text === "" ? name : `${name}?${text}`;
}
