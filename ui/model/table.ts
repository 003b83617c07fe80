/* table.ts -- functions added up, and who calls whom. Recursion counts its total once; calls are all and, behind them, the outermost. */
import type { Edges, Pairs, Profile, Raw } from "./profile";
import { totals } from "./tree";

export interface Row {
  fn: number;
  self: number;
  total: number;
  calls: number;
  primitive: number;
}

export interface Link {
  fn: number; // the other end
  calls: number;
  self: number;
  total: number; // of the callee below this caller
}

/** One row a function that ran, by own value. */
export function byFunction(raw: Raw, functionCount: number): Row[] {
  const total = totals(raw);
  const rows: (Row | undefined)[] = new Array(functionCount);
  walkOpen(raw, functionCount, (i, recursive) => {
    const fn = raw.fn[i];
    const row = rows[fn] ?? { fn, self: 0, total: 0, calls: 0, primitive: 0 };
    rows[fn] = row;
    row.self += raw.self[i];
    row.calls += raw.calls[i];
    if (recursive) return;
    row.total += total[i];
    row.primitive += raw.calls[i];
  });
  return rows.filter((row) => row !== undefined).sort((a, b) => b.self - a.self || b.total - a.total);
}

/** Depth first; `recursive` says whether the node's function is open above it. Works on any order of siblings. */
function walkOpen(raw: Raw, functionCount: number, visit: (node: number, recursive: boolean) => void): void {
  const { first, list } = lists(raw);
  const open = new Int32Array(functionCount);
  const stack: number[] = [];
  for (let k = first[1] - 1; k >= first[0]; k--) stack.push(list[k]);
  while (stack.length > 0) {
    const at = stack.pop() as number;
    if (at < 0) {
      open[raw.fn[~at]]--;
      continue;
    }
    visit(at, open[raw.fn[at]] > 0);
    open[raw.fn[at]]++;
    stack.push(~at);
    for (let k = first[at + 1] - 1; k >= first[at]; k--) stack.push(list[k]);
  }
}

function lists(raw: Raw): { first: Int32Array; list: Int32Array } {
  const first = new Int32Array(raw.count + 2);
  for (let i = 1; i < raw.count; i++) first[raw.parent[i] + 1]++;
  for (let i = 0; i <= raw.count; i++) first[i + 1] += first[i];
  const next = first.slice();
  const list = new Int32Array(Math.max(raw.count - 1, 0));
  for (let i = 1; i < raw.count; i++) list[next[raw.parent[i]]++] = i;
  return { first, list };
}

/** Rows of a profile without stacks, as the file has them. */
export function rowsOfPairs(pairs: Pairs): Row[] {
  const rows: Row[] = [];
  for (let fn = 0; fn < pairs.self.length; fn++) {
    if (fn >= pairs.listed && pairs.calls[fn] === 0 && pairs.total[fn] === 0) continue;
    rows.push({
      fn,
      self: pairs.self[fn],
      total: pairs.total[fn],
      calls: pairs.calls[fn],
      primitive: pairs.primitive[fn],
    });
  }
  return rows.sort((a, b) => b.self - a.self || b.total - a.total);
}

/** All pairs of caller and callee of a tree. A pair that is open already (recursion) does not count its total again. */
export function edgesOf(raw: Raw, functionCount: number): Edges {
  const total = totals(raw);
  const index = new Map<number, number>();
  const caller: number[] = [];
  const callee: number[] = [];
  const sums: number[][] = [[], [], [], []];
  const open = new Map<number, number>();
  const { first, list } = lists(raw);
  const stack: number[] = [];
  for (let k = first[1] - 1; k >= first[0]; k--) stack.push(list[k]);
  const keyOf = (node: number) => raw.fn[raw.parent[node]] * functionCount + raw.fn[node];
  while (stack.length > 0) {
    const at = stack.pop() as number;
    if (at < 0) {
      if (raw.parent[~at] > 0) open.set(keyOf(~at), (open.get(keyOf(~at)) as number) - 1);
      continue;
    }
    if (raw.parent[at] > 0) {
      const key = keyOf(at);
      let edge = index.get(key);
      if (edge === undefined) {
        edge = caller.length;
        index.set(key, edge);
        caller.push(raw.fn[raw.parent[at]]);
        callee.push(raw.fn[at]);
        for (const column of sums) column.push(0);
      }
      const depth = open.get(key) ?? 0;
      sums[0][edge] += raw.calls[at];
      sums[2][edge] += raw.self[at];
      if (depth === 0) {
        sums[1][edge] += raw.calls[at];
        sums[3][edge] += total[at];
      }
      open.set(key, depth + 1);
    }
    stack.push(~at);
    for (let k = first[at + 1] - 1; k >= first[at]; k--) stack.push(list[k]);
  }
  const [calls, primitive, self, inclusive] = sums.map((column) => Float64Array.from(column));
  return {
    count: caller.length,
    caller: Int32Array.from(caller),
    callee: Int32Array.from(callee),
    calls,
    primitive,
    self,
    total: inclusive,
  };
}

/** Callers or callees of a function, heaviest first. */
export function linksOf(edges: Edges, fn: number, which: "callers" | "callees"): Link[] {
  const links: Link[] = [];
  const near = which === "callers" ? edges.callee : edges.caller;
  const far = which === "callers" ? edges.caller : edges.callee;
  for (let e = 0; e < edges.count; e++) {
    if (near[e] !== fn) continue;
    links.push({ fn: far[e], calls: edges.calls[e], self: edges.self[e], total: edges.total[e] });
  }
  return links.sort((a, b) => b.total - a.total || b.calls - a.calls);
}

export type SortKey = "self" | "total" | "calls" | "percall" | "name" | "place";

/** Sort rows in place; texts ascending, numbers descending, the other way round if `reverse`. */
export function sortRows(
  rows: Row[],
  key: SortKey,
  reverse: boolean,
  profile: Profile,
  places: string[],
): Row[] {
  const { name } = profile.functions;
  const text = key === "name" ? name : places;
  const number = (row: Row) => (key === "percall" ? perCall(row) : row[key as "self" | "total" | "calls"]);
  const sign = reverse ? -1 : 1;
  if (key === "name" || key === "place") {
    return rows.sort(
      (a, b) => sign * (text[a.fn] < text[b.fn] ? -1 : text[a.fn] > text[b.fn] ? 1 : a.fn - b.fn),
    );
  }
  return rows.sort((a, b) => sign * (number(b) - number(a)) || a.fn - b.fn);
}

/** Total a call that is not recursive; 0 where calls are not known. */
export function perCall(row: Row): number {
  return row.primitive > 0 ? row.total / row.primitive : 0;
}
