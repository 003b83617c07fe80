/* encode.ts -- writes a payload and a page as src/format/html.c does (docs/formats/page.md), so that tests can make any profile. */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { Meta } from "../model/profile";

export interface TestFunction {
  name: string;
  file?: string;
  path?: string;
  line?: number;
  kind?: number;
  app?: boolean;
}

/** A node: [depth, function, self, calls, line of the call, kind]. In preorder, the root first. */
export type TestNode = [number, number, number, number?, number?, number?];

export interface TestProfile {
  meta?: Partial<Meta>;
  functions: TestFunction[];
  nodes?: TestNode[];
  samples?: [number, number][];
  pairs?: {
    own: [number, number, number, number][]; // calls, primitive, self, total by function
    edges: [number, number, number, number, number, number][]; // caller, callee, calls, primitive, self, total; by callee
  };
}

class Writer {
  readonly bytes: number[] = [];
  unsigned(value: number): void {
    let left = value;
    while (left >= 128) {
      this.bytes.push((left % 128) | 128);
      left = Math.floor(left / 128);
    }
    this.bytes.push(left);
  }
  signed(value: number): void {
    this.unsigned(value >= 0 ? value * 2 : -value * 2 - 1);
  }
  column(values: number[]): void {
    for (const value of values) this.unsigned(value);
  }
  text(text: string): void {
    for (const byte of Buffer.from(text)) this.bytes.push(byte);
  }
}

export function encode(profile: TestProfile): Uint8Array {
  const writer = new Writer();
  const { functions } = profile;
  const meta: Meta = {
    title: "test",
    unit: "time",
    shape: profile.pairs ? "pairs" : "tree",
    format: "",
    sampled: false,
    callsKnown: true,
    edgeTimes: true,
    requests: 0,
    samplesDropped: 0,
    cut: 0,
    resolution: 1,
    version: "0",
    ...profile.meta,
  };
  writer.text("HPPG");
  writer.unsigned(1);
  const json = JSON.stringify(meta);
  writer.unsigned(Buffer.byteLength(json));
  writer.text(json);
  const strings = [""];
  const index = new Map([["", 0]]);
  const word = (text: string): number => {
    if (!index.has(text)) {
      index.set(text, strings.length);
      strings.push(text);
    }
    return index.get(text) as number;
  };
  const columns = [
    functions.map((f) => word(f.name)),
    functions.map((f) => word(f.file ?? "")),
    functions.map((f) => word(f.path ?? "")),
    functions.map((f) => f.line ?? 0),
    functions.map((f) => (f.kind ?? 0) + (f.app ? 16 : 0)),
  ];
  writer.unsigned(strings.length);
  writer.column(strings.map((text) => Buffer.byteLength(text)));
  for (const text of strings) writer.text(text);
  writer.unsigned(functions.length);
  for (const column of columns) writer.column(column);
  if (profile.pairs) encodePairs(writer, profile.pairs);
  else encodeTree(writer, profile);
  return Uint8Array.from(writer.bytes);
}

function encodeTree(writer: Writer, profile: TestProfile): void {
  const nodes = profile.nodes ?? [];
  const parents: number[] = [];
  const stack: number[] = [];
  nodes.forEach(([depth], k) => {
    stack.length = depth;
    parents.push(depth > 0 ? stack[depth - 1] : 0);
    stack.push(k);
  });
  writer.unsigned(nodes.length);
  writer.column(nodes.map(([depth], k) => (k === 0 ? 0 : nodes[k - 1][0] + 1 - depth)));
  writer.column(nodes.map((node) => Math.max(node[1], 0)));
  nodes.forEach((node, k) => {
    const line = node[4] ?? 0;
    const from = nodes[parents[k]][1];
    writer.signed(line === 0 ? 0 : line - (profile.functions[Math.max(from, 0)].line ?? 0));
  });
  writer.column(nodes.map((node) => node[5] ?? 0));
  writer.column(nodes.map((node) => node[3] ?? 0));
  writer.column(nodes.map((node) => node[2]));
  const samples = profile.samples ?? [];
  writer.unsigned(samples.length);
  let last = 0;
  for (const [node] of samples) {
    writer.signed(node - last);
    last = node;
  }
  writer.column(samples.map(([, value]) => value));
}

function encodePairs(writer: Writer, pairs: NonNullable<TestProfile["pairs"]>): void {
  const { own, edges } = pairs;
  writer.unsigned(own.length);
  for (let c = 0; c < 4; c++) {
    for (const row of own) writer.signed(row[c] - (c === 1 ? row[0] : c === 3 ? row[2] : 0));
  }
  writer.column(own.map((_, f) => edges.filter((edge) => edge[1] === f).length));
  own.forEach((_, f) => {
    let last = 0;
    for (const edge of edges.filter((candidate) => candidate[1] === f)) {
      writer.signed(edge[0] - last);
      last = edge[0];
    }
  });
  for (let c = 0; c < 4; c++) {
    own.forEach((row, f) => {
      let left = row[c];
      for (const edge of edges.filter((candidate) => candidate[1] === f)) {
        const expected = c === 1 ? edge[2] : c === 3 && row[2] === row[3] ? edge[4] : left;
        writer.signed(expected - edge[2 + c]);
        left = Math.max(left - edge[2 + c], 0);
      }
    });
  }
}

/** A page as `hotplate open` writes it. */
export function pageOf(profile: TestProfile, template: string): string {
  const packed = gzipSync(encode(profile)).toString("base64");
  const title = (profile.meta?.title ?? "test").replace(/&/g, "&amp;").replace(/</g, "&lt;");
  return readFileSync(template, "utf8")
    .replace("<!--hotplate:title-->", () => title)
    .replace("<!--hotplate:payload-->", () => packed);
}

/** a() called twice from main, calling b() and c() with different costs each time; a library in between. */
export function smallProfile(): TestProfile {
  return {
    meta: { title: "GET /settings", requests: 1 },
    functions: [
      { name: "(request)", kind: 3 },
      { name: "settings", file: "shop/views.py", path: "/srv/shop/views.py", line: 10, app: true },
      { name: "a", file: "shop/work.py", line: 1, app: true },
      { name: "b", file: "shop/work.py", line: 5, app: true },
      { name: "c", file: "shop/work.py", line: 9, app: true },
      { name: "Session.get", file: "requests/sessions.py", line: 600 },
      { name: "HTTPAdapter.send", file: "requests/adapters.py", line: 400 },
      { name: "<method 'recv' of '_socket.socket' objects>", file: "~", kind: 1 },
      { name: "thread", kind: 3 },
    ],
    nodes: [
      [0, 0, 1000],
      [1, 1, 2_000_000, 1],
      [2, 2, 1_000_000, 1, 11],
      [3, 3, 5_000_000, 1, 2],
      [3, 4, 1_000_000, 1, 3],
      [2, 2, 1_000_000, 1, 12],
      [3, 3, 1_000_000, 1, 2],
      [3, 4, 4_000_000, 1, 3],
      [2, 5, 500_000, 3, 13],
      [3, 6, 1_500_000, 3, 601],
      [4, 7, 30_000_000, 3, 402],
      [3, 4, 2_000_000, 1, 602],
      [2, 8, 0, 4, 14, 1],
      [3, 3, 80_000_000, 4],
    ],
  };
}
