/* search.ts -- which functions a text means, and what share of a tree they hold. `/…/` is a regular expression, else a part of the name or file,
 * in any case. */
import { type Functions, placeOf } from "./profile";
import type { CallTree } from "./tree";

/** By function: 1 if it matches. Null for an empty query; a broken expression matches nothing. */
export function matchFunctions(functions: Functions, query: string): Uint8Array | null {
  const text = query.trim();
  if (text === "") return null;
  const hits = new Uint8Array(functions.count);
  const test = tester(text);
  for (let f = 0; f < functions.count; f++) {
    if (test(functions.name[f]) || test(placeOf(functions, f))) hits[f] = 1;
  }
  return hits;
}

function tester(text: string): (value: string) => boolean {
  const pattern = /^\/(.+)\/$/.exec(text);
  if (pattern) {
    try {
      const expression = new RegExp(pattern[1], "i");
      return (value) => expression.test(value);
    } catch {
      return () => false;
    }
  }
  const lower = text.toLowerCase();
  return (value) => value.toLowerCase().includes(lower);
}

/** Sum of the values of matching boxes, those below another one not again, and how many boxes match. */
export function matchedValue(tree: CallTree, hits: Uint8Array): { value: number; boxes: number } {
  let value = 0;
  let boxes = 0;
  let covered = 0;
  for (let i = 1; i < tree.count; i++) {
    if (!hits[tree.fn[i]]) continue;
    boxes++;
    if (i < covered) continue;
    value += tree.total[i];
    covered = tree.end[i];
  }
  return { value, boxes };
}

/** The next matching box after `from` (before it for -1), round the end; -1 if none. Boxes of no value are passed over. */
export function nextMatch(tree: CallTree, hits: Uint8Array, from: number, step: 1 | -1): number {
  for (let k = 1; k <= tree.count; k++) {
    const i = (((from + step * k) % tree.count) + tree.count) % tree.count;
    if (i > 0 && hits[tree.fn[i]] && tree.total[i] > 0) return i;
  }
  return -1;
}
