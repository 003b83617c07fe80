/* state.ts -- what the page shows, as the URL's fragment says it: a link to a view is a link to that view. */
import type { SortKey } from "../model/table";
import type { Order } from "../model/tree";

export type ViewName = "flame" | "icicle" | "sunburst" | "sandwich" | "table" | "graph";
export const VIEWS: ViewName[] = ["flame", "icicle", "sunburst", "sandwich", "table", "graph"];

export interface State {
  view: ViewName;
  inverted: boolean; // own time first, callers behind it
  order: Order;
  folded: boolean; // library frames
  lane: number; // -1: all threads
  query: string;
  fn: number; // chosen function; -1 none
  at: number; // zoomed node of the tree shown; 0 the whole
  sort: SortKey;
  reverse: boolean;
}

export const START: State = {
  view: "flame",
  inverted: false,
  order: "size",
  folded: false,
  lane: 0,
  query: "",
  fn: -1,
  at: 0,
  sort: "self",
  reverse: false,
};

const SORTS: SortKey[] = ["self", "total", "calls", "percall", "name", "place"];

function number(text: string | null, otherwise: number): number {
  return text !== null && /^-?\d{1,9}$/.test(text) ? Number(text) : otherwise;
}

/** The state of a fragment, with or without its "#"; what it does not say is as at the start. */
export function parseState(fragment: string): State {
  const words = new URLSearchParams(fragment.replace(/^#/, ""));
  const view = words.get("view") as ViewName;
  const sort = (words.get("sort") ?? "").replace(/^-/, "") as SortKey;
  return {
    view: VIEWS.includes(view) ? view : START.view,
    inverted: words.has("up"),
    order: words.get("order") === "time" ? "time" : "size",
    folded: words.has("fold"),
    lane: number(words.get("thread"), START.lane),
    query: words.get("q") ?? "",
    fn: number(words.get("fn"), START.fn),
    at: Math.max(number(words.get("at"), START.at), 0),
    sort: SORTS.includes(sort) ? sort : START.sort,
    reverse: (words.get("sort") ?? "").startsWith("-"),
  };
}

/** The shortest fragment that parses to the state; "" for the start. */
export function formatState(state: State): string {
  const words = new URLSearchParams();
  if (state.view !== START.view) words.set("view", state.view);
  if (state.inverted) words.set("up", "1");
  if (state.order !== START.order) words.set("order", state.order);
  if (state.folded) words.set("fold", "1");
  if (state.lane !== START.lane) words.set("thread", String(state.lane));
  if (state.query !== "") words.set("q", state.query);
  if (state.fn >= 0) words.set("fn", String(state.fn));
  if (state.at > 0) words.set("at", String(state.at));
  if (state.sort !== START.sort || state.reverse) words.set("sort", (state.reverse ? "-" : "") + state.sort);
  const text = words.toString();
  return text === "" ? "" : `#${text}`;
}
