/* data.ts -- the profile and all that is computed from it, each once and when it is first asked for. */
import { calleesOf, callersOf, fold, invert } from "../model/change";
import { estimateTree } from "../model/estimate";
import { type Lane, lanesOf, treeOfLane, treeOfSamples } from "../model/lanes";
import {
  type Edges,
  type Functions,
  KIND_PYTHON,
  type Profile,
  placeOf,
  type Raw,
  shortFile,
} from "../model/profile";
import { showCount, showShare, showValue } from "../model/show";
import { byFunction, edgesOf, type Row, rowsOfPairs } from "../model/table";
import { arrange, type CallTree, type Order, totals } from "../model/tree";
import type { State } from "./state";

/* "<module>" and "<lambda>" say nothing without their file. */
function labelOf(name: string, file: string, kind: number): string {
  if (kind !== KIND_PYTHON || !/^<.*>$/.test(name) || file === "") return name;
  return `${name} ${shortFile(file).split("/").slice(-2).join("/")}`;
}

export class Data {
  readonly functions: Functions;
  readonly lanes: Lane[];
  readonly estimated: boolean; // trees are guessed from pairs
  readonly timed: boolean; // there is a time order
  readonly places: string[];
  readonly labels: string[]; // names as pictures show them
  private readonly grouping: ReturnType<typeof lanesOf>;
  private readonly kept = new Map<string, unknown>();

  constructor(readonly profile: Profile) {
    this.functions = profile.functions;
    this.grouping = lanesOf(profile);
    this.lanes = this.grouping.lanes;
    this.estimated = profile.pairs !== null;
    this.timed = profile.samples !== null;
    this.labels = this.functions.name.map((name, fn) =>
      labelOf(name, this.functions.file[fn], this.functions.kind[fn]),
    );
    this.places = this.functions.name.map((_, fn) => placeOf(this.functions, fn));
  }

  private keep<T>(key: string, make: () => T): T {
    if (!this.kept.has(key)) {
      if (this.kept.size > 24) this.kept.delete(this.kept.keys().next().value as string);
      this.kept.set(key, make());
    }
    return this.kept.get(key) as T;
  }

  /** The lane a state means: the whole where there are no threads. */
  laneOf(lane: number): number {
    return this.lanes.length > 1 && lane < this.lanes.length ? lane : -1;
  }

  raw(lane: number): Raw {
    return this.keep(`raw ${lane}`, () => {
      const { pairs } = this.profile;
      return pairs
        ? estimateTree(pairs, this.functions.count)
        : treeOfLane(this.profile, this.grouping, lane);
    });
  }

  /** The tree that flame, icicle and sunburst draw. */
  tree(state: Pick<State, "inverted" | "order" | "folded" | "lane">): CallTree {
    const lane = this.laneOf(state.lane);
    const order: Order = this.timed && !state.inverted ? state.order : "size";
    return this.keep(`tree ${lane} ${order} ${state.inverted} ${state.folded}`, () => {
      let raw = order === "time" ? this.keep("samples", () => treeOfSamples(this.profile)) : this.raw(lane);
      if (state.folded) raw = fold(raw, this.functions);
      if (state.inverted) raw = invert(raw, this.functions.count);
      return arrange(raw, order);
    });
  }

  /** Callers and callees of a function. */
  sandwich(fn: number, lane: number, which: "callers" | "callees"): CallTree {
    return this.keep(`${which} ${fn} ${lane}`, () => {
      const raw = this.raw(this.laneOf(lane));
      const count = this.functions.count;
      return arrange(which === "callers" ? callersOf(raw, fn, count) : calleesOf(raw, fn, count), "size");
    });
  }

  rows(lane: number): Row[] {
    const { pairs } = this.profile;
    return this.keep(`rows ${lane}`, () =>
      pairs ? rowsOfPairs(pairs) : byFunction(this.raw(this.laneOf(lane)), this.functions.count),
    );
  }

  edges(lane: number): Edges {
    const { pairs } = this.profile;
    return this.keep(`edges ${lane}`, () =>
      pairs ? pairs.edges : edgesOf(this.raw(this.laneOf(lane)), this.functions.count),
    );
  }

  /** What shares are shares of. */
  whole(lane: number): number {
    const { pairs } = this.profile;
    return this.keep(`whole ${lane}`, () => {
      if (!pairs) return totals(this.raw(this.laneOf(lane)))[0] ?? 0;
      let sum = 0;
      for (const value of pairs.self) sum += value;
      return sum;
    });
  }

  /** A value for people; of several requests the mean. */
  value(value: number): string {
    return showValue(this.profile.meta.unit, value / Math.max(this.profile.meta.requests, 1));
  }

  /** A value a call: nothing is divided by requests there. */
  perCall(value: number): string {
    return showValue(this.profile.meta.unit, value);
  }

  calls(count: number): string {
    return this.profile.meta.callsKnown ? showCount(count) : "not recorded";
  }

  /** "fetch http.py:31 — 1.35 s (61 %), itself 1.20 s, 40 calls": a box of a tree in a line. */
  describe(tree: CallTree, node: number, exactTree: boolean): string {
    const about = exactTree ? "" : "≈ ";
    const whole = tree.total[0];
    const fn = tree.fn[node];
    const name = fn < 0 ? "all" : this.functions.name[fn];
    const place = fn < 0 ? "" : ` ${this.places[fn]}`;
    const calls =
      this.profile.meta.callsKnown && fn >= 0 && tree.calls[node] > 0
        ? `, ${showCount(tree.calls[node])} calls`
        : "";
    return (
      `${name}${place} — ${about}${this.value(tree.total[node])} (${showShare(tree.total[node], whole)})` +
      `, itself ${about}${this.value(tree.self[node])}${calls}`
    );
  }

  label(tree: CallTree): (node: number) => string {
    return (node) => (tree.fn[node] < 0 ? "all" : this.labels[tree.fn[node]]);
  }
}
