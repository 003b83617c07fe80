/* headline.ts -- the answer on top: one sentence about where the time goes, with links to its evidence. */
import { type Lane, lanesOf } from "./lanes";
import { KIND_ROOT, type Profile, shortFile } from "./profile";
import { showCount, showShare, showValue } from "./show";
import type { Row } from "./table";

/** A piece of the sentence; with `fn` it leads to that function. */
export interface Piece {
  text: string;
  fn?: number;
}

/** `rows` by own value, `whole` what they are a share of. */
export function headline(profile: Profile, rows: Row[], whole: number, estimated: boolean): Piece[] {
  const { meta, functions } = profile;
  const show = (value: number) => showValue(meta.unit, value / Math.max(meta.requests, 1));
  if (!(whole > 0) || rows.length === 0) return [{ text: "Nothing was recorded in this profile." }];
  const pieces: Piece[] = [{ text: size(profile, rows, whole) }];
  const hot = rows.find((row) => functions.kind[row.fn] !== KIND_ROOT);
  if (hot && hot.self > 0) {
    const verb = meta.unit === "time" || meta.sampled ? "is spent in" : "is in";
    pieces.push({ text: ` ${showShare(hot.self, whole)} (${show(hot.self)}) ${verb} ` });
    pieces.push({ text: functions.name[hot.fn], fn: hot.fn });
    pieces.push({ text: " itself" });
    const from = functions.app[hot.fn] ? null : caller(profile, hot.fn);
    if (functions.app[hot.fn]) {
      pieces.push({ text: `, ${shortFile(functions.file[hot.fn])}:${functions.line[hot.fn]}.` });
    } else if (from) {
      pieces.push({
        text: `, ${from.share < 0.995 ? "mostly " : ""}${estimated ? "called by" : "on behalf of"} `,
      });
      pieces.push({ text: functions.name[from.fn], fn: from.fn });
      pieces.push({ text: from.line > 0 ? ` (${shortFile(functions.file[from.fn])}:${from.line}).` : "." });
    } else {
      pieces.push({ text: "." });
    }
  }
  const threads = lanesOf(profile).lanes.slice(1);
  if (threads.length > 0) pieces.push({ text: beside(threads, meta.requests, show) });
  return pieces;
}

function size(profile: Profile, rows: Row[], whole: number): string {
  const { meta } = profile;
  const value = showValue(meta.unit, whole / Math.max(meta.requests, 1));
  if (meta.requests > 1) return `${value} a request, the mean of ${showCount(meta.requests)}.`;
  if (meta.requests === 1) return `${value} in one request.`;
  if (meta.unit === "samples") return `${value} samples.`;
  if (meta.callsKnown) {
    let calls = 0;
    for (const row of rows) calls += row.calls;
    return `${value} in ${showCount(calls)} calls.`;
  }
  return `${value}.`;
}

function beside(threads: Lane[], requests: number, show: (value: number) => string): string {
  let count = 0;
  let total = 0;
  for (const lane of threads) {
    count += lane.count;
    total += lane.total;
  }
  if (requests <= 1)
    return ` Beside it ${showCount(count)} thread${count === 1 ? "" : "s"} ran for ${show(total)}.`;
  const each = count / requests;
  const shown = Number.isInteger(each) || each >= 10 ? showCount(each) : each.toFixed(1);
  return ` Beside it, in a request ${shown} thread${each === 1 ? "" : "s"} ran for ${show(total)}.`;
}

interface Caller {
  fn: number;
  line: number;
  share: number;
}

/* The place in application code that most of a library function's own value is spent for. */
function caller(profile: Profile, hot: number): Caller | null {
  const sums = new Map<string, Caller & { value: number }>();
  let whole = 0;
  const add = (fn: number, line: number, value: number) => {
    whole += value;
    const key = `${fn}:${line}`;
    const known = sums.get(key);
    if (known) known.value += value;
    else sums.set(key, { fn, line, value, share: 0 });
  };
  const { tree, pairs, functions } = profile;
  for (let i = 1; tree && i < tree.count; i++) {
    if (tree.fn[i] !== hot || tree.self[i] === 0) continue;
    let at = i;
    while (at > 0 && !(tree.parent[at] > 0 && functions.app[tree.fn[tree.parent[at]]])) at = tree.parent[at];
    if (at <= 0) continue;
    const fn = tree.fn[tree.parent[at]];
    add(fn, tree.line[at] || functions.line[fn], tree.self[i]);
  }
  for (let e = 0; pairs && e < pairs.edges.count; e++) {
    if (pairs.edges.callee[e] !== hot) continue;
    add(pairs.edges.caller[e], functions.line[pairs.edges.caller[e]], pairs.edges.self[e]);
  }
  let best: (Caller & { value: number }) | null = null;
  for (const sum of sums.values()) if (!best || sum.value > best.value) best = sum;
  return best && whole > 0 ? { fn: best.fn, line: best.line, share: best.value / whole } : null;
}
