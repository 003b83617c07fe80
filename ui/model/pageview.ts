/* pageview.ts -- what a browser did for one navigation: the page and what it asked for, beside the time that the server worked. No DOM; what it is made of
 * comes from the Performance API (toolbar/follow.ts), and a link to the dashboard carries all of it. */
import { showTime } from "./show";

/** What a Server-Timing header of ours says. */
export interface Told {
  id: string; // "" where it does not say
  server_ms: number;
  sql_ms: number | null;
  queries: number | null;
}

/** One thing that the browser asked for; times since the navigation began. */
export interface Asked {
  name: string; // "GET /items"
  kind: string; // navigation, fetch, xmlhttprequest, script, …
  start_ms: number;
  first_ms: number; // of the answer
  end_ms: number;
  server_ms: number | null;
  queries: number | null;
  status: number | null;
  id: string; // of the request that was recorded, or ""
}

export interface PageView {
  path: string;
  at: number; // ms since 1970
  ttfb_ms: number | null;
  download_ms: number | null;
  dom_ms: number | null;
  load_ms: number | null;
  lcp_ms: number | null;
  asked: Asked[]; // by start; the navigation is the first
  left_out: number; // more than fit into a link
}

const MOST = 80;
const QUIET_MS = 1000; // whoever asks later than that after everything has come asks for another reason

function duration(words: string): number | null {
  const found = /;\s*dur=(\d+(?:\.\d+)?)/.exec(words);
  return found ? Number(found[1]) : null;
}

/** The header's text; null where it is none of ours. */
export function readTold(text: string | null): Told | null {
  const told: Told = { id: "", server_ms: -1, sql_ms: null, queries: null };
  for (const words of (text ?? "").split(",")) {
    const name = words.trim().split(";")[0];
    if (name === "total") told.server_ms = duration(words) ?? -1;
    if (name === "db") {
      told.sql_ms = duration(words);
      told.queries = Number(/desc="(\d+) quer/.exec(words)?.[1] ?? Number.NaN);
      if (Number.isNaN(told.queries)) told.queries = null;
    }
    if (name === "request") told.id = /desc="([0-9a-f]{16})"/.exec(words)?.[1] ?? "";
  }
  return told.server_ms < 0 ? null : told;
}

/** When the page and what it asked for without a pause had come. */
export function endOf(view: PageView): number {
  let end = Math.max(view.load_ms ?? 0, view.asked[0]?.end_ms ?? 0);
  for (const asked of view.asked) if (asked.start_ms <= end + QUIET_MS) end = Math.max(end, asked.end_ms);
  return end;
}

/** What belongs to the page view: asked for before it ended. */
export function within(view: PageView): Asked[] {
  const end = endOf(view);
  return view.asked.filter((asked) => asked.start_ms <= end);
}

/** How long the server worked on the view, times at once counted once; null where it never said. */
export function serverOf(view: PageView): number | null {
  const known = within(view).filter((asked) => asked.server_ms !== null);
  if (known.length === 0) return null;
  const spans = known
    .map(({ start_ms, first_ms, server_ms }) => [Math.max(first_ms - (server_ms ?? 0), start_ms), first_ms])
    .sort(([a], [b]) => a - b);
  let sum = 0;
  let until = 0;
  for (const [from, to] of spans) {
    sum += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return sum;
}

/** "Server 17.6 s of 36.0 s; the longest is GET /items with 9.20 s." */
export function sentenceOf(view: PageView): string {
  const server = serverOf(view);
  const whole = showTime(endOf(view) * 1e6);
  if (server === null) return `${whole}; the server's part was not told`;
  const longest = within(view).reduce((a, b) => ((b.server_ms ?? 0) > (a.server_ms ?? 0) ? b : a));
  const which =
    longest.server_ms === null
      ? ""
      : `; the longest is ${longest.name} with ${showTime(longest.server_ms * 1e6)}`;
  return `Server ${showTime(server * 1e6)} of ${whole}${which}`;
}

/* ---- in a link ---- */

type Row = [string, string, number, number, number, number | null, number | null, number | null, string];

/* To a hundredth: a link need not be longer than what the browser knows. */
function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 100) / 100;
}

/** The view as a word of a URL, the longest parts of it where there are too many. */
export function encodeView(view: PageView): string {
  const all = within(view);
  const longest = [...all.slice(1)].sort((a, b) => b.end_ms - b.start_ms - (a.end_ms - a.start_ms));
  const kept = new Set([...all.slice(0, 1), ...longest.slice(0, MOST - 1)]);
  const rows = all
    .filter((asked) => kept.has(asked))
    .map(
      (a): Row => [
        a.name.slice(0, 200),
        a.kind,
        rounded(a.start_ms) ?? 0,
        rounded(a.first_ms) ?? 0,
        rounded(a.end_ms) ?? 0,
        rounded(a.server_ms),
        a.queries,
        a.status,
        a.id,
      ],
    );
  const { path, at, ttfb_ms, download_ms, dom_ms, load_ms, lcp_ms } = view;
  const times = [ttfb_ms, download_ms, dom_ms, load_ms, lcp_ms].map(rounded);
  const json = JSON.stringify([1, path.slice(0, 200), Math.round(at), times, all.length - rows.length, rows]);
  const bytes = Array.from(new TextEncoder().encode(json), (byte) => String.fromCharCode(byte)).join("");
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 && value < 1e9;
}

function timeOr(value: unknown): number | null {
  return isTime(value) ? value : null;
}

function rowOf(value: unknown): Asked | null {
  if (!Array.isArray(value)) return null;
  const [name, kind, start, first, end, server, queries, status, id] = value as unknown[];
  if (typeof name !== "string" || typeof kind !== "string" || typeof id !== "string") return null;
  if (!isTime(start) || !isTime(first) || !isTime(end) || first < start || end < first) return null;
  return {
    name: name.slice(0, 200),
    kind: kind.slice(0, 20),
    start_ms: start,
    first_ms: first,
    end_ms: end,
    server_ms: timeOr(server),
    queries: timeOr(queries),
    status: timeOr(status),
    id: /^[0-9a-f]{16}$/.test(id) ? id : "",
  };
}

/** What encodeView wrote; null for anything else. */
export function decodeView(text: string): PageView | null {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) =>
      c.charCodeAt(0),
    );
    const [version, path, at, times, left_out, rows] = JSON.parse(new TextDecoder().decode(bytes));
    const asked = (rows as unknown[]).map(rowOf).filter((row) => row !== null);
    if (version !== 1 || typeof path !== "string" || typeof at !== "number" || asked.length === 0)
      return null;
    const [ttfb_ms, download_ms, dom_ms, load_ms, lcp_ms] = [0, 1, 2, 3, 4].map((k) => timeOr(times[k]));
    return {
      path: path.slice(0, 200),
      at,
      ttfb_ms,
      download_ms,
      dom_ms,
      load_ms,
      lcp_ms,
      asked: asked.slice(0, MOST),
      left_out: timeOr(left_out) ?? 0,
    };
  } catch {
    return null;
  }
}
