/* lanes.ts -- the threads of a capture. Time in a thread runs beside the place that started it and is no part of it, so each
 * kind of thread (what runs in it, where it was started) is drawn as a tree of its own. */
import { NODE_LANE, type Profile, type Raw } from "./profile";
import { TreeBuilder, totals } from "./tree";

export interface Lane {
  name: string;
  place: string; // file:line that started it; "" for the main one
  count: number; // threads of this kind
  total: number;
}

interface Grouping {
  lanes: Lane[];
  of: Int32Array; // by node: index of its lane
}

/** The lanes, the main one first, then by time. */
export function lanesOf(profile: Profile): Grouping {
  const tree = profile.tree;
  if (!tree) return { lanes: [], of: new Int32Array(0) };
  const lanes: Lane[] = [{ name: "main", place: "", count: 1, total: 0 }];
  const known = new Map<string, number>();
  const of = new Int32Array(tree.count);
  for (let i = 1; i < tree.count; i++) {
    of[i] = of[tree.parent[i]];
    if (profile.nodeKind[i] === NODE_LANE) of[i] = laneAt(profile, tree, i, lanes, known);
  }
  for (let i = 0; i < tree.count; i++) lanes[of[i]].total += tree.self[i];
  const order = lanes
    .map((_, k) => k)
    .sort((a, b) => (a === 0 ? -1 : b === 0 ? 1 : lanes[b].total - lanes[a].total));
  const rank = new Int32Array(lanes.length);
  order.forEach((lane, k) => {
    rank[lane] = k;
  });
  return { lanes: order.map((k) => lanes[k]), of: of.map((k) => rank[k]) };
}

function laneAt(
  profile: Profile,
  tree: Raw,
  node: number,
  lanes: Lane[],
  known: Map<string, number>,
): number {
  const up = tree.fn[tree.parent[node]];
  const { functions } = profile;
  const name = functions.name[tree.fn[node]] || "thread";
  const file = up >= 0 ? functions.file[up] : "";
  const place = file === "" ? "" : `${file}:${tree.line[node] || functions.line[up]}`;
  const key = `${name}\0${place}`;
  let lane = known.get(key);
  if (lane === undefined) {
    lane = lanes.length;
    known.set(key, lane);
    lanes.push({ name, place, count: 0, total: 0 });
  }
  lanes[lane].count += Math.max(tree.calls[node], 1);
  return lane;
}

/** The tree of one lane, or of all (-1: the threads beside what the main one ran), same functions below one caller merged. */
export function treeOfLane(profile: Profile, grouping: Grouping, lane: number): Raw {
  const tree = profile.tree as Raw;
  const builder = new TreeBuilder(profile.functions.count);
  const to = new Int32Array(tree.count);
  for (let i = 0; i < tree.count; i++) {
    if (lane >= 0 && grouping.of[i] !== lane) continue;
    const hoisted = i === 0 || profile.nodeKind[i] === NODE_LANE;
    if (!hoisted) {
      to[i] = builder.child(to[tree.parent[i]], tree.fn[i], tree.line[i]);
    } else if (i > 0 && lane < 0) {
      to[i] = builder.child(0, tree.fn[i]);
    }
    builder.add(to[i], tree.self[i], hoisted && lane >= 0 ? 0 : tree.calls[i]);
  }
  return builder.finish();
}

/** The tree in time order: a new box begins where the stack changes. Needs samples in order. */
export function treeOfSamples(profile: Profile): Raw {
  const tree = profile.tree as Raw;
  const samples = profile.samples;
  const builder = new TreeBuilder(profile.functions.count);
  if (!samples) return builder.finish();
  let open: number[] = []; // nodes of the tree that are on the stack, outermost first
  let boxes: number[] = [];
  for (let s = 0; s < samples.count; s++) {
    const path: number[] = [];
    for (let at = samples.node[s]; at > 0; at = tree.parent[at]) path.push(at);
    path.reverse();
    let same = 0;
    while (same < path.length && same < open.length && path[same] === open[same]) same++;
    boxes = boxes.slice(0, same);
    for (let k = same; k < path.length; k++) {
      boxes.push(builder.append(k === 0 ? 0 : boxes[k - 1], tree.fn[path[k]], tree.line[path[k]]));
    }
    open = path;
    builder.add(boxes.length > 0 ? boxes[boxes.length - 1] : 0, samples.value[s], 0);
  }
  return builder.finish();
}

/** Sum of what a tree holds. */
export function wholeOf(raw: Raw): number {
  return raw.count > 0 ? totals(raw)[0] : 0;
}
