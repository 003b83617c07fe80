/* estimate.ts -- stacks guessed from pairs. A `.prof` says how long g ran below f, not on which path f itself was reached, so a path gets its part
 * in proportion, as gprof and every viewer of such files do. Views must say "estimated" on each figure of it. */
import type { Pairs, Raw } from "./profile";
import { TreeBuilder } from "./tree";

const NODES_MAX = 60000;
const DEPTH_MAX = 250;

interface Open {
  fn: number;
  node: number;
  value: number;
  children: number[]; // edges still to follow
}

/** A tree of the pairs; paths below `least` of the whole are not followed. */
export function estimateTree(pairs: Pairs, functionCount: number, least = 2e-5): Raw {
  const builder = new TreeBuilder(functionCount);
  const out = outgoing(pairs);
  const roots = rootValues(pairs);
  let whole = 0;
  for (const value of roots) whole += value;
  const onPath = new Uint8Array(functionCount);
  for (let fn = 0; fn < roots.length; fn++) {
    if (roots[fn] > 0) descend(pairs, builder, out, onPath, fn, roots[fn], whole * least);
  }
  return builder.finish();
}

/* What of a function's total no caller accounts for. */
function rootValues(pairs: Pairs): Float64Array {
  const left = Float64Array.from(pairs.total);
  const { edges } = pairs;
  for (let e = 0; e < edges.count; e++) {
    if (edges.caller[e] !== edges.callee[e]) left[edges.callee[e]] -= edges.total[e];
  }
  for (let fn = 0; fn < left.length; fn++) {
    if (left[fn] <= pairs.total[fn] * 1e-6) left[fn] = 0;
  }
  return left;
}

function outgoing(pairs: Pairs): number[][] {
  const out: number[][] = Array.from(pairs.self, () => []);
  const { edges } = pairs;
  for (let e = 0; e < edges.count; e++) {
    if (edges.caller[e] !== edges.callee[e] && edges.total[e] > 0) out[edges.caller[e]].push(e);
  }
  for (const list of out) list.sort((a, b) => edges.total[b] - edges.total[a]);
  return out;
}

function descend(
  pairs: Pairs,
  builder: TreeBuilder,
  out: number[][],
  onPath: Uint8Array,
  root: number,
  value: number,
  least: number,
): void {
  const { edges } = pairs;
  const enter = (parent: number, fn: number, amount: number, calls: number): Open => {
    const node = builder.child(parent, fn);
    builder.add(node, 0, calls);
    onPath[fn] = 1;
    return { fn, node, value: amount, children: out[fn].slice().reverse() };
  };
  const share = pairs.total[root] > 0 ? value / pairs.total[root] : 1;
  const stack: Open[] = [enter(0, root, value, pairs.calls[root] * share)];
  const left: number[] = [value]; // of each open box: what its children have not taken
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const edge = top.children.pop();
    if (edge === undefined) {
      builder.add(top.node, Math.max(left[left.length - 1], 0), 0);
      onPath[top.fn] = 0;
      stack.pop();
      left.pop();
      continue;
    }
    const callee = edges.callee[edge];
    const scale = pairs.total[top.fn] > 0 ? top.value / pairs.total[top.fn] : 0;
    const amount = Math.min(edges.total[edge] * scale, left[left.length - 1]);
    if (onPath[callee] || amount < least || amount <= 0) continue;
    if (stack.length >= DEPTH_MAX || builder.count >= NODES_MAX) continue;
    left[left.length - 1] -= amount;
    stack.push(enter(top.node, callee, amount, edges.calls[edge] * scale));
    left.push(amount);
  }
}
