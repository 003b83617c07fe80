/* branches.ts -- the call tree of a request as rows: what is below a share is left out, library frames between application frames are folded, statements and
 * waits stand below the function that made them. */
import type { Execution, TreeNode, WaitRow } from "../api/types";

export interface Branch {
  id: string;
  depth: number;
  name: string;
  file: string | null;
  line: number | null; // of the call, where it is known
  app: boolean;
  kind: string; // call, lane, template, gc; sql or a kind of wait
  calls: number | null; // null: not counted, of samples
  self: number | null;
  total: number;
  children: boolean;
}

export interface Options {
  least: number; // share of the whole that a row needs
  unfold: boolean;
  closed: Set<string>;
}

interface Node {
  row: TreeNode;
  children: Node[];
}

function build(nodes: TreeNode[]): Node | null {
  const known = new Map<number, Node>();
  let root: Node | null = null;
  for (const row of nodes) {
    const node: Node = { row, children: [] };
    known.set(row.node, node);
    if (row.parent < 0) root = node;
    else known.get(row.parent)?.children.push(node);
  }
  return root;
}

interface Leaf {
  kind: string;
  name: string;
  ms: number;
  count: number;
}

function leavesAt(executions: Execution[], waits: WaitRow[]): Map<number, Leaf[]> {
  const leaves = new Map<number, Leaf[]>();
  const add = (node: number | undefined, kind: string, name: string, ms: number, count: number) => {
    if (node === undefined) return;
    const list = leaves.get(node) ?? [];
    leaves.set(node, list);
    const same = list.find((leaf) => leaf.kind === kind && leaf.name === name);
    if (same) {
      same.ms += ms;
      same.count += count;
    } else list.push({ kind, name, ms, count });
  };
  for (const run of executions) add(run.node, "sql", run.statement, run.execute_ms + (run.fetch_ms ?? 0), 1);
  for (const wait of waits) add(wait.node, wait.kind, wait.peer ?? "", wait.total_ms, wait.count);
  return leaves;
}

/* A library frame is folded away unless something of the application is told in it. */
function shownChildren(node: Node, unfold: boolean, into: Node[] = []): Node[] {
  for (const child of node.children) {
    const shown = unfold || child.row.application || child.row.kind !== "call";
    if (shown) into.push(child);
    else shownChildren(child, unfold, into);
  }
  return into;
}

function mergeLeaves(into: Leaf[], leaves: Leaf[]): void {
  for (const leaf of leaves) {
    const same = into.find((known) => known.kind === leaf.kind && known.name === leaf.name);
    if (same) {
      same.ms += leaf.ms;
      same.count += leaf.count;
    } else into.push({ ...leaf });
  }
}

/* Leaves of a node and of the library frames folded into it. */
function leavesOf(node: Node, unfold: boolean, leaves: Map<number, Leaf[]>): Leaf[] {
  const list: Leaf[] = [];
  mergeLeaves(list, leaves.get(node.row.node) ?? []);
  if (!unfold) {
    for (const child of node.children) {
      if (!child.row.application && child.row.kind === "call")
        mergeLeaves(list, leavesOf(child, unfold, leaves));
    }
  }
  return list;
}

/* What runs beside its starter: its time is no part of that. */
function laneText(row: TreeNode): string {
  return (row.calls ?? 1) > 1
    ? `in ${row.calls} threads or tasks side by side`
    : "in a thread or task beside it";
}

const ROWS_MOST = 2000;

/** The rows in the order they stand, heaviest first on each level. */
export function branchesOf(
  nodes: TreeNode[],
  executions: Execution[],
  waits: WaitRow[],
  options: Options,
): { rows: Branch[]; left: number } {
  const root = build(nodes);
  const rows: Branch[] = [];
  if (!root) return { rows, left: 0 };
  const leaves = leavesAt(executions, waits);
  const least = root.row.total_ms * options.least;
  let left = 0;
  const visit = (node: Node, depth: number) => {
    if (rows.length >= ROWS_MOST) {
      left++;
      return;
    }
    const { row } = node;
    const below = shownChildren(node, options.unfold).filter((child) => {
      const shown = child.row.total_ms >= least;
      if (!shown) left++;
      return shown;
    });
    const own = leavesOf(node, options.unfold, leaves).filter((leaf) => leaf.ms >= least);
    const id = String(row.node);
    rows.push({
      id,
      depth,
      name: row.parent >= 0 && row.kind === "lane" ? laneText(row) : (row.function ?? ""),
      file: row.file || null,
      line: row.line ?? null,
      app: row.application,
      kind: row.parent < 0 ? "call" : row.kind,
      calls: row.calls ?? null,
      self: row.self_ms,
      total: row.total_ms,
      children: below.length + own.length > 0,
    });
    if (options.closed.has(id)) return;
    for (const leaf of own.sort((a, b) => b.ms - a.ms)) {
      rows.push({
        id: `${id} ${leaf.kind} ${leaf.name}`,
        depth: depth + 1,
        name: leaf.name,
        file: null,
        line: null,
        app: false,
        kind: leaf.kind,
        calls: leaf.count,
        self: null,
        total: leaf.ms,
        children: false,
      });
    }
    for (const child of below.sort((a, b) => b.row.total_ms - a.row.total_ms)) visit(child, depth + 1);
  };
  visit(root, 0);
  return { rows, left };
}
