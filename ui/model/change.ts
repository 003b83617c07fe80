/* change.ts -- trees made of a tree: inverted, folded, callers and callees of one function. All take and give Raw. */
import type { Functions, Raw } from "./profile";
import { TreeBuilder, totals } from "./tree";

/** Bottom-up: each function's own time at the top level, below it who called it. Parts below `least` of the whole are left in
 * their box and not divided further, so that the result stays small. */
export function invert(raw: Raw, functionCount: number, least = 1e-5): Raw {
  const items: number[] = [];
  for (let i = 1; i < raw.count; i++) if (raw.self[i] > 0) items.push(i);
  return upward(raw, items, raw.self, raw.calls, functionCount, least);
}

/** The callers of a function as an inverted tree with the function itself at the top. Its recursive calls count once. */
export function callersOf(raw: Raw, fn: number, functionCount: number, least = 1e-5): Raw {
  return upward(raw, outermost(raw, fn), totals(raw), raw.calls, functionCount, least);
}

/** What a function calls, added up over all places it was called from. */
export function calleesOf(raw: Raw, fn: number, functionCount: number): Raw {
  const builder = new TreeBuilder(functionCount);
  const to = new Int32Array(raw.count).fill(-1);
  for (let i = 1; i < raw.count; i++) {
    const up = to[raw.parent[i]];
    if (up < 0 && raw.fn[i] !== fn) continue;
    to[i] = builder.child(up < 0 ? 0 : up, raw.fn[i], raw.line[i]);
    builder.add(to[i], raw.self[i], raw.calls[i]);
  }
  return builder.finish();
}

/** Nodes of a function that are not below another node of it. */
export function outermost(raw: Raw, fn: number): number[] {
  const inside = new Uint8Array(raw.count);
  const list: number[] = [];
  for (let i = 1; i < raw.count; i++) {
    inside[i] = inside[raw.parent[i]];
    if (inside[i] || raw.fn[i] !== fn) continue;
    inside[i] = 1;
    list.push(i);
  }
  return list;
}

interface Group {
  box: number;
  value: number;
  at: number[]; // nodes that the group's items have reached
  item: number[]; // the node each came from
}

/* Level by level: items that reached the same function through the same functions stand in one box. */
function upward(
  raw: Raw,
  items: number[],
  value: Float64Array,
  calls: Float64Array,
  functionCount: number,
  least: number,
): Raw {
  const builder = new TreeBuilder(functionCount);
  let whole = 0;
  for (const item of items) whole += value[item];
  let level: Group[] = [{ box: 0, value: whole, at: items, item: items }];
  let bottom = true;
  while (level.length > 0) {
    const next: Group[] = [];
    for (const group of level) {
      const byFn = new Map<number, Group>();
      for (let k = 0; k < group.at.length; k++) {
        const at = bottom ? group.at[k] : raw.parent[group.at[k]];
        const item = group.item[k];
        if (at <= 0) {
          builder.add(group.box, value[item], 0);
          continue;
        }
        let into = byFn.get(raw.fn[at]);
        if (!into) {
          into = { box: builder.child(group.box, raw.fn[at], raw.line[at]), value: 0, at: [], item: [] };
          byFn.set(raw.fn[at], into);
        }
        into.at.push(at);
        into.item.push(item);
        into.value += value[item];
        if (bottom) builder.add(into.box, 0, calls[item]);
      }
      for (const into of byFn.values()) {
        if (into.value >= whole * least) next.push(into);
        else builder.add(into.box, into.value, 0);
      }
    }
    level = next;
    bottom = false;
  }
  return builder.finish();
}

/** Library frames folded: each stretch of them below one application frame is one box, named after the package entered first. */
export function fold(raw: Raw, functions: Functions): Raw {
  const builder = new TreeBuilder(functions.count);
  const to = new Int32Array(raw.count);
  builder.add(0, raw.count > 0 ? raw.self[0] : 0, 0);
  for (let i = 1; i < raw.count; i++) {
    const up = raw.parent[i];
    const package_ = functions.folded[raw.fn[i]];
    const inside = package_ >= 0 && up > 0 && functions.folded[raw.fn[up]] >= 0;
    if (inside) to[i] = to[up];
    else if (package_ >= 0) to[i] = builder.child(to[up], package_, raw.line[i]);
    else to[i] = builder.child(to[up], raw.fn[i], raw.line[i]);
    builder.add(to[i], raw.self[i], inside ? 0 : raw.calls[i]);
  }
  return builder.finish();
}
