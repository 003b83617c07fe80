/* profile.ts -- what the page knows: functions and either a call tree or pairs of caller and callee.
 *
 * TREE: every path has its own value. PAIRS: a `.prof` or callgrind file; there are no stacks in it, and views that draw
 * stacks say that theirs are estimated. Values are whole numbers of the unit (nanoseconds, samples, bytes, counts).
 */
import { Reader } from "./bytes";

export type Unit = "time" | "samples" | "bytes" | "count";

export interface Meta {
  title: string;
  unit: Unit;
  shape: "tree" | "pairs";
  format: string; // of the file; "" for our own store
  sampled: boolean; // values come from samples
  callsKnown: boolean;
  edgeTimes: boolean; // pairs have times, not only numbers of calls
  requests: number; // added up; 0 where it is no store
  samplesDropped: number;
  cut: number; // nodes that were added up into their parents to keep the page small
  resolution: number; // values are multiples of it
  version: string;
}

export const KIND_PYTHON = 0;
export const KIND_C = 1;
export const KIND_TEMPLATE = 2;
export const KIND_ROOT = 3;
export const KIND_SQL = 8; // of the dashboard: a statement, a wait below the function that made it
export const KIND_WAIT = 9;
export const KIND_FOLDED = 15; // of the page only: all library frames of a package, folded into one

/** Functions by index. From `real` on they are the folded packages, one each. */
export interface Functions {
  count: number;
  real: number;
  name: string[];
  file: string[];
  path: string[]; // absolute, for an editor; "" unknown
  line: Int32Array;
  kind: Uint8Array;
  app: Uint8Array; // 1: application code
  module: string[]; // what it is coloured by: an application's file, a library's package
  folded: Int32Array; // the function that stands for its package when folded; -1 for application code
}

/** A tree, parents before children; node 0 is the root. The form that all changes of a tree take and give. */
export interface Raw {
  count: number;
  parent: Int32Array;
  fn: Int32Array; // -1: the root
  line: Int32Array; // of the call in the parent; 0 unknown or several
  self: Float64Array;
  calls: Float64Array;
}

export interface Pairs {
  listed: number;
  self: Float64Array; // by function
  total: Float64Array;
  calls: Float64Array;
  primitive: Float64Array;
  edges: Edges;
}

export interface Edges {
  count: number;
  caller: Int32Array;
  callee: Int32Array;
  calls: Float64Array;
  primitive: Float64Array;
  self: Float64Array;
  total: Float64Array;
}

export interface Samples {
  count: number;
  node: Int32Array;
  value: Float64Array;
}

export interface Profile {
  meta: Meta;
  functions: Functions;
  tree: Raw | null;
  nodeKind: Uint8Array; // of the tree's nodes
  samples: Samples | null; // in time order
  pairs: Pairs | null;
}

export const NODE_LANE = 1;

const MAGIC = 0x48505047; // "HPPG"

export function decode(bytes: Uint8Array): Profile {
  const reader = new Reader(bytes);
  let magic = 0;
  for (const byte of reader.slice(4)) magic = magic * 256 + byte;
  if (magic !== MAGIC || reader.unsigned() !== 1)
    throw new RangeError("this is not a profile of this page's version");
  const meta = JSON.parse(reader.text(reader.count())) as Meta;
  const strings = readStrings(reader);
  const functions = readFunctions(reader, strings);
  const profile: Profile = {
    meta,
    functions,
    tree: null,
    nodeKind: new Uint8Array(0),
    samples: null,
    pairs: null,
  };
  if (meta.shape === "tree") {
    readTree(reader, profile);
  } else {
    profile.pairs = readPairs(reader, functions.real, meta);
    if (!meta.edgeTimes) shareByCalls(profile.pairs);
  }
  return profile;
}

function readStrings(reader: Reader): string[] {
  const lengths = reader.column(new Int32Array(reader.count()));
  return Array.from(lengths, (length) => reader.text(length));
}

function readFunctions(reader: Reader, strings: string[]): Functions {
  const real = reader.count();
  const words = () =>
    Array.from(reader.column(new Int32Array(real)), (id) => {
      if (id >= strings.length) throw new RangeError("a string of the profile's data is not there");
      return strings[id];
    });
  const name = words();
  const file = words();
  const path = words();
  const line = reader.column(new Int32Array(real));
  const marks = reader.column(new Uint8Array(real));
  return describe(name, file, path, line, marks);
}

/** Functions from their columns; `marks`: kind, and 16 for application code. */
export function describe(
  name: string[],
  file: string[],
  path: string[],
  line: Int32Array,
  marks: Uint8Array,
): Functions {
  const real = name.length;
  const packages = new Map<string, number>();
  const module = new Array<string>(real);
  const folded = new Int32Array(real).fill(-1);
  for (let f = 0; f < real; f++) {
    const kind = marks[f] & 15;
    const app = marks[f] >= 16;
    module[f] = moduleOf(name[f], file[f], kind, app);
    if (app || kind === KIND_ROOT) continue;
    let at = packages.get(module[f]);
    if (at === undefined) {
      at = real + packages.size;
      packages.set(module[f], at);
    }
    folded[f] = at;
  }
  const count = real + packages.size;
  const functions: Functions = {
    count,
    real,
    name: [...name, ...Array.from(packages.keys(), (text) => `${text} …`)],
    file: [...file, ...Array.from(packages, () => "")],
    path: [...path, ...Array.from(packages, () => "")],
    line: new Int32Array(count),
    kind: new Uint8Array(count).fill(KIND_FOLDED),
    app: new Uint8Array(count),
    module: [...module, ...packages.keys()],
    folded: new Int32Array(count),
  };
  functions.line.set(line);
  functions.folded.set(folded);
  for (let f = 0; f < real; f++) {
    functions.kind[f] = marks[f] & 15;
    functions.app[f] = marks[f] >= 16 ? 1 : 0;
  }
  for (let f = real; f < count; f++) functions.folded[f] = f;
  return functions;
}

/** An application's file without its ending; a library's top package; "built-in" for C functions. */
function moduleOf(name: string, file: string, kind: number, app: boolean): string {
  if (kind === KIND_ROOT) return "";
  if (kind === KIND_C || file === "" || file === "~") return "built-in";
  const short = shortFile(file);
  if (app) return short.replace(/\.py$/, "");
  if (short.startsWith("<frozen")) return "importlib";
  const top = short.split("/")[0];
  return top === "" ? name : top.replace(/\.py$/, "");
}

/** A file as people name it: below its site-packages or standard library, else its last three parts. */
export function shortFile(file: string): string {
  const below = /^.*\/(?:site-packages|dist-packages|lib\/python\d+(?:\.\d+)?t?)\/(.+)$/.exec(file);
  if (below) return below[1];
  if (!/^(?:\/|[A-Za-z]:[\\/])/.test(file)) return file;
  return file.split(/[\\/]/).slice(-3).join("/");
}

/** "file:line"; "" where there is no file. */
export function placeOf(functions: Functions, fn: number): string {
  const file = functions.file[fn];
  if (file === "" || file === "~") return "";
  const line = functions.line[fn];
  return line > 0 ? `${shortFile(file)}:${line}` : shortFile(file);
}

function scaled(values: Float64Array, meta: Meta): Float64Array {
  if (meta.resolution > 1) for (let i = 0; i < values.length; i++) values[i] *= meta.resolution;
  return values;
}

function readTree(reader: Reader, profile: Profile): void {
  const { functions } = profile;
  const count = reader.count();
  const ups = reader.column(new Int32Array(count));
  const fn = reader.column(new Int32Array(count));
  const line = new Int32Array(count);
  for (let i = 0; i < count; i++) line[i] = reader.signed();
  const kind = reader.column(new Uint8Array(count));
  const calls = reader.column(new Float64Array(count));
  const self = reader.column(new Float64Array(count));
  const parent = new Int32Array(count).fill(-1);
  for (let i = 1; i < count; i++) {
    let up = i - 1;
    for (let k = ups[i]; k > 0; k--) up = parent[up];
    if (up < 0) throw new RangeError("a node of the profile's data has no parent");
    if (fn[i] >= functions.real) throw new RangeError("a function of the profile's data is not there");
    parent[i] = up;
    // Call lines are written relative to the line of the function that calls.
    line[i] = line[i] === 0 ? 0 : line[i] + functions.line[Math.max(fn[up], 0)];
  }
  if (count > 0) fn[0] = -1;
  profile.tree = { count, parent, fn, line, self: scaled(self, profile.meta), calls };
  profile.nodeKind = kind;
  const samples = reader.count();
  if (samples === 0) return;
  const node = new Int32Array(samples);
  let last = 0;
  for (let i = 0; i < samples; i++) {
    last += reader.signed();
    if (last < 0 || last >= count) throw new RangeError("a sample of the profile's data has no node");
    node[i] = last;
  }
  profile.samples = {
    count: samples,
    node,
    value: scaled(reader.column(new Float64Array(samples)), profile.meta),
  };
}

/* Edges stand by callee. A value is written as the difference from what one would expect: docs/formats/page.md. */
function readPairs(reader: Reader, real: number, meta: Meta): Pairs {
  const listed = reader.count();
  const columns = [0, 1, 2, 3].map(() => {
    const column = new Float64Array(real);
    for (let f = 0; f < real; f++) column[f] = reader.signed();
    return column;
  });
  const [calls, primitive, self, total] = columns;
  for (let f = 0; f < real; f++) {
    primitive[f] += calls[f];
    total[f] += self[f];
  }
  const degree = reader.column(new Int32Array(real));
  let count = 0;
  for (const n of degree) count += n;
  if (count > reader.left) throw new RangeError("the profile's data ends too early");
  const caller = new Int32Array(count);
  const callee = new Int32Array(count);
  for (let f = 0, e = 0; f < real; f++) {
    for (let k = 0, last = 0; k < degree[f]; k++, e++) {
      last += reader.signed();
      if (last < 0 || last >= real) throw new RangeError("a caller of the profile's data is not there");
      caller[e] = last;
      callee[e] = f;
    }
  }
  const values: Float64Array[] = [];
  columns.forEach((whole, c) => {
    const column = new Float64Array(count);
    values.push(column);
    for (let f = 0, e = 0; f < real; f++) {
      for (let k = 0, left = whole[f]; k < degree[f]; k++, e++) {
        const leaf = c === 3 && self[f] === total[f];
        const expected = c === 1 ? values[0][e] : leaf ? values[2][e] : left;
        column[e] = expected - reader.signed();
        left -= column[e];
        if (left < 0) left = 0;
      }
    }
  });
  const edges = {
    count,
    caller,
    callee,
    calls: values[0],
    primitive: values[1],
    self: scaled(values[2], meta),
    total: scaled(values[3], meta),
  };
  return { listed, self: scaled(self, meta), total: scaled(total, meta), calls, primitive, edges };
}

/* Pairs with calls only: what a callee took is shared out by calls, as gprof does. Views say that it is estimated. */
function shareByCalls(pairs: Pairs): void {
  const { edges } = pairs;
  const calls = new Float64Array(pairs.self.length);
  for (let e = 0; e < edges.count; e++) calls[edges.callee[e]] += edges.calls[e];
  for (let e = 0; e < edges.count; e++) {
    const callee = edges.callee[e];
    const share = calls[callee] > 0 ? edges.calls[e] / calls[callee] : 0;
    edges.self[e] = pairs.self[callee] * share;
    edges.total[e] = pairs.total[callee] * share;
  }
}
