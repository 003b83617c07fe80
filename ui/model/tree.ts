/* tree.ts -- call trees: building them, and laying them out in preorder with left edges, so that drawing is one walk. */
import type { Raw } from "./profile";

/** A tree ready to draw. The subtree of node i is i … end[i]-1; `start` is its left edge in the tree's values. */
export interface CallTree extends Raw {
  depth: Int32Array;
  end: Int32Array;
  total: Float64Array;
  start: Float64Array;
  height: number; // rows: the deepest node's depth + 1
}

export type Order = "size" | "time";

/** Collects nodes; children of one parent with the same function are one node unless they are appended. */
export class TreeBuilder {
  private parent: number[] = [-1];
  private fn: number[] = [-1];
  private line: number[] = [0];
  private self: number[] = [0];
  private calls: number[] = [0];
  private readonly known = new Map<number, number>();
  constructor(private readonly functionCount: number) {}

  get count(): number {
    return this.parent.length;
  }

  child(parent: number, fn: number, line = 0): number {
    const key = parent * (this.functionCount + 1) + fn;
    const found = this.known.get(key);
    if (found !== undefined) {
      if (this.line[found] !== line) this.line[found] = 0;
      return found;
    }
    const node = this.append(parent, fn, line);
    this.known.set(key, node);
    return node;
  }

  append(parent: number, fn: number, line = 0): number {
    this.parent.push(parent);
    this.fn.push(fn);
    this.line.push(line);
    this.self.push(0);
    this.calls.push(0);
    return this.parent.length - 1;
  }

  add(node: number, self: number, calls: number): void {
    this.self[node] += self;
    this.calls[node] += calls;
  }

  finish(): Raw {
    return {
      count: this.parent.length,
      parent: Int32Array.from(this.parent),
      fn: Int32Array.from(this.fn),
      line: Int32Array.from(this.line),
      self: Float64Array.from(this.self),
      calls: Float64Array.from(this.calls),
    };
  }
}

/** Inclusive values. Parents stand before children, so one walk backwards does it. */
export function totals(raw: Raw): Float64Array {
  const total = Float64Array.from(raw.self);
  for (let i = raw.count - 1; i > 0; i--) total[raw.parent[i]] += total[i];
  return total;
}

/** Depth of each node. */
export function depths(raw: Raw): Int32Array {
  const depth = new Int32Array(raw.count);
  for (let i = 1; i < raw.count; i++) depth[i] = depth[raw.parent[i]] + 1;
  return depth;
}

/** Put nodes in preorder, siblings by size (heaviest left) or as they come (time), and give them left edges. */
export function arrange(raw: Raw, order: Order): CallTree {
  const n = raw.count;
  const total = totals(raw);
  const children = childLists(raw);
  const tree: CallTree = {
    count: n,
    parent: new Int32Array(n).fill(-1),
    fn: new Int32Array(n),
    line: new Int32Array(n),
    self: new Float64Array(n),
    calls: new Float64Array(n),
    depth: new Int32Array(n),
    end: new Int32Array(n),
    total: new Float64Array(n),
    start: new Float64Array(n),
    height: n > 0 ? 1 : 0,
  };
  const stack: number[] = n > 0 ? [0] : [];
  const renamed = new Int32Array(n);
  const edge = new Float64Array(n); // where the next child of a node begins
  for (let next = 0; stack.length > 0; next++) {
    const old = stack.pop() as number;
    renamed[old] = next;
    const up = next > 0 ? renamed[raw.parent[old]] : -1;
    tree.parent[next] = up;
    tree.fn[next] = raw.fn[old];
    tree.line[next] = raw.line[old];
    tree.self[next] = raw.self[old];
    tree.calls[next] = raw.calls[old];
    tree.total[next] = total[old];
    if (up >= 0) {
      tree.depth[next] = tree.depth[up] + 1;
      tree.height = Math.max(tree.height, tree.depth[next] + 1);
      tree.start[next] = edge[up];
      edge[up] += total[old];
    }
    edge[next] = tree.start[next];
    const from = children.first[old];
    const list = children.list.subarray(from, children.first[old + 1]);
    if (order === "size" && list.length > 1) list.sort((a, b) => total[b] - total[a] || a - b);
    for (let k = list.length - 1; k >= 0; k--) stack.push(list[k]);
  }
  for (let i = n - 1; i >= 0; i--) {
    if (tree.end[i] === 0) tree.end[i] = i + 1;
    const up = tree.parent[i];
    if (up >= 0 && tree.end[up] < tree.end[i]) tree.end[up] = tree.end[i];
  }
  return tree;
}

/** Children of node i: list[first[i]] … list[first[i + 1] - 1], in the tree's order. */
export function childLists(raw: Raw): { first: Int32Array; list: Int32Array } {
  const first = new Int32Array(raw.count + 1);
  for (let i = 1; i < raw.count; i++) first[raw.parent[i] + 1]++;
  for (let i = 0; i < raw.count; i++) first[i + 1] += first[i];
  const next = first.slice();
  const list = new Int32Array(Math.max(raw.count - 1, 0));
  for (let i = 1; i < raw.count; i++) list[next[raw.parent[i]]++] = i;
  return { first, list };
}

/** Chain of nodes from below the root down to `node`. */
export function pathTo(tree: Raw, node: number): number[] {
  const path: number[] = [];
  for (let at = node; at > 0; at = tree.parent[at]) path.push(at);
  return path.reverse();
}

/** The node that a chain of functions leads to, as far as it goes. */
export function follow(tree: CallTree, functions: number[]): number {
  let at = 0;
  for (const fn of functions) {
    let child = at + 1;
    while (child < tree.end[at] && tree.fn[child] !== fn) child = tree.end[child];
    if (child >= tree.end[at]) break;
    at = child;
  }
  return at;
}
