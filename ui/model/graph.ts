/* graph.ts -- which functions and calls the call graph shows: the heavy ones, at most so many, around a function if one is asked for. */

import type { Edges } from "./profile";
import { type Functions, KIND_ROOT } from "./profile";
import type { Row } from "./table";

export interface GraphNode {
  row: Row;
}

export interface GraphEdge {
  from: number; // indices of nodes
  to: number;
  total: number;
  calls: number;
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  hidden: number; // functions above nothing but the limit
  least: number; // share that a function needed
}

export interface GraphOptions {
  least: number; // share of the whole that a function needs
  leastEdge: number;
  most: number; // functions
  around: number; // function; -1 everything
}

/** Choose nodes by total, edges between them. Recursion (a function that calls itself) is no edge here. */
export function selectGraph(
  rows: Row[],
  edges: Edges,
  functions: Functions,
  whole: number,
  options: GraphOptions,
): Graph {
  const near = options.around >= 0 ? neighbourhood(edges, options.around, functions.count) : null;
  const wanted = rows
    .filter((row) => functions.kind[row.fn] !== KIND_ROOT && (!near || near[row.fn] === 1))
    .filter((row) => row.total >= options.least * whole || row.fn === options.around)
    .sort((a, b) => b.total - a.total || b.self - a.self);
  const shown = wanted.slice(0, options.most);
  const index = new Map(shown.map((row, k) => [row.fn, k]));
  const list: GraphEdge[] = [];
  for (let e = 0; e < edges.count; e++) {
    const from = index.get(edges.caller[e]);
    const to = index.get(edges.callee[e]);
    if (from === undefined || to === undefined || from === to) continue;
    if (edges.total[e] < options.leastEdge * whole || edges.total[e] <= 0) continue;
    list.push({ from, to, total: edges.total[e], calls: edges.calls[e] });
  }
  list.sort((a, b) => b.total - a.total);
  const least = wanted.length > shown.length ? shown[shown.length - 1].total / whole : options.least;
  return { nodes: shown.map((row) => ({ row })), edges: list, hidden: wanted.length - shown.length, least };
}

/* Whoever leads to a function, and whoever it leads to. */
function neighbourhood(edges: Edges, fn: number, count: number): Uint8Array {
  const near = new Uint8Array(count);
  near[fn] = 1;
  spread(edges.caller, edges.callee, edges.count, fn, near, count);
  spread(edges.callee, edges.caller, edges.count, fn, near, count);
  return near;
}

function spread(
  from: Int32Array,
  to: Int32Array,
  edges: number,
  start: number,
  near: Uint8Array,
  count: number,
): void {
  const next: number[][] = Array.from({ length: count }, () => []);
  for (let e = 0; e < edges; e++) next[from[e]].push(to[e]);
  const seen = new Uint8Array(count);
  const queue = [start];
  seen[start] = 1;
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (const other of next[at]) {
      if (seen[other]) continue;
      seen[other] = 1;
      near[other] = 1;
      queue.push(other);
    }
  }
}
