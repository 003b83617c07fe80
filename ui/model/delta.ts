/* delta.ts -- two call trees laid over each other for a differential flame graph: the shape of both, widths of the after side (or before, where it is gone),
 * and how much each box's own time changed. */
import type { TreeNode } from "../api/types";
import type { CallTree } from "./tree";
import { arrange, TreeBuilder } from "./tree";

export interface Delta {
  tree: CallTree; // widths: the larger of both sides, a request
  names: string[];
  places: string[];
  app: Uint8Array;
  before: Float64Array; // total a request, by node of the tree, ns
  after: Float64Array;
}

interface Words {
  key: Map<string, number>;
  names: string[];
  places: string[];
  app: number[];
}

function fnOf(words: Words, node: TreeNode): number {
  const place = node.file ? `${node.file}:${node.line ?? 0}` : "";
  // Lines move between revisions; a function stays itself.
  const key = `${node.file ?? ""}\0${node.function ?? ""}\0${node.kind}`;
  const known = words.key.get(key);
  if (known !== undefined) return known;
  const at = words.names.length;
  words.key.set(key, at);
  words.names.push(node.function ?? "");
  words.places.push(place);
  words.app.push(node.application ? 1 : 0);
  return at;
}

const MOST = 1 << 20; // functions: factor of a key, no limit that matters

/* What ran beside the request: a lane's time is no part of its starter's. */
function lanesIn(nodes: TreeNode[]): Set<number> {
  const inside = new Set<number>();
  for (const node of nodes) {
    if ((node.kind === "lane" && node.parent >= 0) || inside.has(node.parent)) inside.add(node.node);
  }
  return inside;
}

export function hasThreads(nodes: TreeNode[]): boolean {
  return nodes.some((node) => node.kind === "lane" && node.parent >= 0);
}

/** `threads`: what ran beside the requests, instead of what they did themselves. */
export function deltaOf(
  before: { requests: number; nodes: TreeNode[] },
  after: { requests: number; nodes: TreeNode[] },
  threads = false,
): Delta {
  const words: Words = { key: new Map(), names: [], places: [], app: [] };
  const builder = new TreeBuilder(MOST);
  const sums: { before: number; after: number }[] = [{ before: 0, after: 0 }];
  const lay = (side: "before" | "after", requests: number, nodes: TreeNode[]) => {
    const to = new Map<number, number>();
    const beside = lanesIn(nodes);
    for (const node of nodes) {
      if (beside.has(node.node) !== threads && (threads || node.parent >= 0)) continue;
      const box = node.parent < 0 ? 0 : builder.child(to.get(node.parent) ?? 0, fnOf(words, node));
      to.set(node.node, box);
      while (sums.length <= box) sums.push({ before: 0, after: 0 });
      const ns = (node.total_ms * 1e6) / Math.max(requests, 1);
      sums[box][side] += ns;
      if (threads && !to.has(node.parent)) sums[0][side] += ns;
    }
  };
  lay("before", before.requests, before.nodes);
  lay("after", after.requests, after.nodes);
  const raw = builder.finish();
  const wide = sums.map((sum) => Math.max(sum.before, sum.after));
  // Own widths such that children fit: what is left of the larger side below its children.
  const own = Float64Array.from(wide);
  for (let i = raw.count - 1; i > 0; i--) own[raw.parent[i]] -= wide[i];
  for (let i = 0; i < raw.count; i++) raw.self[i] = Math.max(own[i], 0);
  for (let i = 0; i < raw.count; i++) raw.calls[i] = i; // carried along: which box it was
  const tree = arrange(raw, "size");
  const result: Delta = {
    tree,
    names: words.names,
    places: words.places,
    app: Uint8Array.from(words.app),
    before: new Float64Array(tree.count),
    after: new Float64Array(tree.count),
  };
  for (let i = 0; i < tree.count; i++) {
    const sum = sums[tree.calls[i]] ?? { before: 0, after: 0 };
    result.before[i] = sum.before;
    result.after[i] = sum.after;
  }
  return result;
}
