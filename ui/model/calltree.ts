/* calltree.ts -- a profile of the API's nodes, for the views of profiles. Statements and waits become boxes below the function that made them, cut out of
 * its own time: where a driver is Python itself that time stands in the driver's functions already and no box is added. */
import type { Execution, TreeNode, WaitRow } from "../api/types";
import {
  describe,
  KIND_PYTHON,
  KIND_ROOT,
  KIND_SQL,
  KIND_TEMPLATE,
  KIND_WAIT,
  type Meta,
  NODE_LANE,
  type Profile,
} from "./profile";

const APPLICATION = 16;
const NS = 1e6; // of a millisecond

export interface TreeSource {
  title: string;
  requests: number;
  nodes: TreeNode[];
  executions?: Execution[];
  waits?: WaitRow[];
}

class FunctionTable {
  readonly name: string[] = [];
  readonly file: string[] = [];
  readonly line: number[] = [];
  readonly marks: number[] = [];
  private readonly known = new Map<string, number>();

  index(name: string, file: string, line: number, marks: number): number {
    const key = `${marks}\0${line}\0${file}\0${name}`;
    let at = this.known.get(key);
    if (at === undefined) {
      at = this.name.length;
      this.known.set(key, at);
      this.name.push(name);
      this.file.push(file);
      this.line.push(line);
      this.marks.push(marks);
    }
    return at;
  }
}

function markOf(node: TreeNode, root: boolean): number {
  if (root) return KIND_ROOT;
  const kind = node.kind === "template" ? KIND_TEMPLATE : KIND_PYTHON;
  return kind + (node.application ? APPLICATION : 0);
}

interface Leaf {
  name: string;
  kind: number;
  module: string;
  ns: number;
  calls: number;
}

/* What happened at each node besides calls, by the node's number. */
function leavesOf(source: TreeSource): Map<number, Map<string, Leaf>> {
  const leaves = new Map<number, Map<string, Leaf>>();
  const add = (
    node: number | undefined,
    name: string,
    kind: number,
    module: string,
    ms: number,
    n: number,
  ) => {
    if (node === undefined || ms <= 0) return;
    const here = leaves.get(node) ?? new Map<string, Leaf>();
    leaves.set(node, here);
    const leaf = here.get(name) ?? { name, kind, module, ns: 0, calls: 0 };
    here.set(name, leaf);
    leaf.ns += ms * NS;
    leaf.calls += n;
  };
  const busy = new Set<number | undefined>();
  for (const run of source.executions ?? []) {
    add(run.node, run.statement, KIND_SQL, "sql", run.execute_ms + (run.fetch_ms ?? 0), 1);
    busy.add(run.node);
  }
  for (const wait of source.waits ?? []) {
    // The database's own answer is waited for inside the statement, which stands there already.
    if (busy.has(wait.node) && wait.kind !== "gil") continue;
    const name = wait.peer ? `${wait.kind} ${wait.peer}` : wait.kind;
    add(wait.node, name, KIND_WAIT, wait.kind, wait.total_ms, wait.count);
  }
  return leaves;
}

/* Own time of each node, and its heaviest child that is no thread. */
interface Descent {
  self: Map<number, number>;
  heaviest: Map<number, TreeNode>;
}

function descentOf(nodes: TreeNode[]): Descent {
  const self = new Map<number, number>();
  const heaviest = new Map<number, TreeNode>();
  for (const node of nodes) {
    self.set(node.node, Math.max(node.self_ms * NS, 0));
    const known = heaviest.get(node.parent);
    if (node.kind !== "lane" && (!known || node.total_ms > known.total_ms)) heaviest.set(node.parent, node);
  }
  return { self, heaviest };
}

const DEPTH_MOST = 64;
const NEARLY = 0.95;

/* A statement belongs to the function that the application called; the time of it is some frames further in, in the driver's. */
function settle(leaves: Map<number, Map<string, Leaf>>, nodes: TreeNode[]): Map<number, Leaf[]> {
  const settled = new Map<number, Leaf[]>();
  const { self, heaviest } = descentOf(nodes);
  for (const [node, list] of leaves) {
    for (const leaf of list.values()) {
      let at = node;
      for (let depth = 0; depth < DEPTH_MOST && (self.get(at) ?? 0) < leaf.ns * NEARLY; depth++) {
        const next = heaviest.get(at);
        if (!next || next.total_ms * NS < leaf.ns * NEARLY) break;
        at = next.node;
      }
      const left = self.get(at) ?? 0;
      if (left < leaf.ns * NEARLY) continue;
      self.set(at, left - Math.min(leaf.ns, left));
      settled.set(at, [...(settled.get(at) ?? []), leaf]);
    }
  }
  return settled;
}

export function profileOf(source: TreeSource): Profile {
  const table = new FunctionTable();
  const leaves = settle(leavesOf(source), source.nodes);
  const at = new Map<number, number>();
  const parent: number[] = [];
  const fn: number[] = [];
  const line: number[] = [];
  const self: number[] = [];
  const calls: number[] = [];
  const kind: number[] = [];
  const modules = new Map<number, string>();
  const append = (up: number, func: number, called: number, ns: number, count: number, mark: number) => {
    parent.push(up);
    fn.push(func);
    line.push(called);
    self.push(ns);
    calls.push(count);
    kind.push(mark);
    return parent.length - 1;
  };
  for (const node of source.nodes) {
    const root = node.parent < 0;
    const up = root ? -1 : (at.get(node.parent) ?? 0);
    const func = table.index(node.function ?? "", node.file ?? "", node.line ?? 0, markOf(node, root));
    const lane = !root && node.kind === "lane";
    const calledAt = node.call_line ?? 0;
    const own = Math.max(node.self_ms * NS, 0);
    const here = append(
      up,
      root ? -1 : func,
      calledAt,
      own,
      (node.calls ?? node.samples ?? 0) + (node.resumes ?? 0),
      lane ? NODE_LANE : 0,
    );
    at.set(node.node, here);
    for (const leaf of leaves.get(node.node) ?? []) {
      const leafFn = table.index(leaf.name, "", 0, leaf.kind + APPLICATION);
      modules.set(leafFn, leaf.module);
      const ns = Math.min(leaf.ns, self[here]);
      self[here] -= ns;
      append(here, leafFn, 0, ns, leaf.calls, 0);
    }
  }
  const { name, file } = table;
  const functions = describe(
    name,
    file,
    name.map(() => ""),
    Int32Array.from(table.line),
    Uint8Array.from(table.marks),
  );
  for (const [func, module] of modules) functions.module[func] = module;
  const sampled = source.nodes.some((node) => node.calls === undefined && node.samples !== undefined);
  const meta: Meta = {
    title: source.title,
    unit: "time",
    shape: "tree",
    format: "",
    sampled,
    callsKnown: !sampled,
    edgeTimes: true,
    requests: source.requests,
    samplesDropped: 0,
    cut: 0,
    resolution: 1,
    version: "",
  };
  const tree = {
    count: parent.length,
    parent: Int32Array.from(parent),
    fn: Int32Array.from(fn),
    line: Int32Array.from(line),
    self: Float64Array.from(self),
    calls: Float64Array.from(calls),
  };
  return { meta, functions, tree, nodeKind: Uint8Array.from(kind), samples: null, pairs: null };
}
