/* model.test.ts -- the pure model: what is decoded, added up, turned round and laid out, in numbers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { calleesOf, callersOf, fold, invert } from "../model/change";
import { estimateTree } from "../model/estimate";
import { selectGraph } from "../model/graph";
import { headline } from "../model/headline";
import { lanesOf, treeOfLane, treeOfSamples } from "../model/lanes";
import { placeLayers } from "../model/layers";
import { decode, type Profile, type Raw, shortFile } from "../model/profile";
import { matchedValue, matchFunctions, nextMatch } from "../model/search";
import { showCount, showShare, showTime, showValue } from "../model/show";
import { byFunction, edgesOf, linksOf, rowsOfPairs, sortRows } from "../model/table";
import { arrange, type CallTree, totals } from "../model/tree";
import { groupHolders, groupWaits } from "../model/waits";
import { formatState, parseState, START } from "../views/state";
import { encode, smallProfile, type TestProfile } from "./encode";

function load(profile: TestProfile): Profile {
  return decode(encode(profile));
}

function main(profile: Profile): Raw {
  return treeOfLane(profile, lanesOf(profile), 0);
}

/** "a 6 | b 5 | …": boxes of a laid-out tree in order, indented, with totals. */
function outline(tree: CallTree, profile: Profile): string[] {
  return Array.from({ length: tree.count }, (_, i) => {
    const name = tree.fn[i] < 0 ? "all" : profile.functions.name[tree.fn[i]];
    return `${" ".repeat(tree.depth[i])}${name} ${tree.total[i]}`;
  });
}

const PAIRS: TestProfile = {
  meta: { title: "x.prof", format: "pstats" },
  functions: [
    { name: "main", file: "m.py", line: 1, app: true },
    { name: "a", file: "m.py", line: 5, app: true },
    { name: "b", file: "m.py", line: 9, app: true },
    { name: "shared", file: "lib/s.py", line: 2 },
  ],
  pairs: {
    own: [
      [1, 1, 10, 100],
      [2, 2, 20, 50],
      [1, 1, 10, 40],
      [5, 4, 60, 60],
    ],
    edges: [
      [0, 1, 2, 2, 20, 50],
      [0, 2, 1, 1, 10, 40],
      [1, 3, 3, 3, 30, 30],
      [2, 3, 2, 1, 30, 30],
    ],
  },
};

test("a payload comes back as it was written", () => {
  const profile = load(smallProfile());
  assert.equal(profile.meta.title, "GET /settings");
  assert.equal(profile.functions.real, 9);
  assert.equal(profile.functions.path[1], "/srv/shop/views.py");
  assert.equal(profile.tree?.count, 14);
  assert.deepEqual(Array.from(profile.tree?.line ?? []).slice(0, 6), [0, 0, 11, 2, 3, 12]);
  assert.equal(profile.tree?.self[10], 30_000_000);
  assert.equal(totals(profile.tree as Raw)[0], 129_001_000);
});

test("a payload cut anywhere is refused, never shown in part", () => {
  const bytes = encode(smallProfile());
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decode(bytes.slice(0, length)), `${length} of ${bytes.length} bytes`);
  }
});

test("numbers beyond 32 bits are exact", () => {
  const profile = load({ functions: [{ name: "f" }], nodes: [[0, 0, 2 ** 52 + 1]] });
  assert.equal(profile.tree?.self[0], 2 ** 52 + 1);
});

test("time in threads is no part of what started them", () => {
  const profile = load(smallProfile());
  const grouping = lanesOf(profile);
  assert.deepEqual(
    grouping.lanes.map((lane) => [lane.name, lane.count, lane.total, lane.place]),
    [
      ["main", 1, 49_001_000, ""],
      ["thread", 4, 80_000_000, "shop/views.py:14"],
    ],
  );
  assert.equal(totals(treeOfLane(profile, grouping, 1))[0], 80_000_000);
  assert.equal(totals(treeOfLane(profile, grouping, -1))[0], 129_001_000);
});

test("the tree keeps each path's own time, heaviest first", () => {
  const profile = load(smallProfile());
  const tree = arrange(main(profile), "size");
  assert.deepEqual(outline(tree, profile), [
    "all 49001000",
    " settings 49000000",
    "  Session.get 34000000",
    "   HTTPAdapter.send 31500000",
    "    <method 'recv' of '_socket.socket' objects> 30000000",
    "   c 2000000",
    "  a 13000000",
    "   b 6000000",
    "   c 5000000",
  ]);
  for (let i = 1; i < tree.count; i++) {
    const up = tree.parent[i];
    assert.ok(tree.start[i] >= tree.start[up]);
    assert.ok(tree.start[i] + tree.total[i] <= tree.start[up] + tree.total[up]);
    assert.ok(tree.end[i] <= tree.end[up]);
  }
});

test("bottom-up has the own times at the top level and the callers behind", () => {
  const profile = load(smallProfile());
  const tree = arrange(invert(main(profile), profile.functions.count), "size");
  assert.equal(tree.total[0], 49_000_000); // the root's own 1,000 have no function
  const top = outline(tree, profile).filter((line) => /^ \S/.test(line));
  assert.deepEqual(top.slice(0, 3), [
    " <method 'recv' of '_socket.socket' objects> 30000000",
    " c 7000000",
    " b 6000000",
  ]);
  const c = outline(tree, profile).slice(outline(tree, profile).indexOf(" c 7000000"));
  assert.deepEqual(c.slice(1, 5), [
    "  a 5000000",
    "   settings 5000000",
    "  Session.get 2000000",
    "   settings 2000000",
  ]);
});

test("folding makes one box of each stretch of library frames", () => {
  const profile = load(smallProfile());
  const tree = arrange(fold(main(profile), profile.functions), "size");
  assert.deepEqual(outline(tree, profile).slice(1, 4), [
    " settings 49000000",
    "  requests … 34000000",
    "   c 2000000",
  ]);
  assert.equal(tree.total[0], 49_001_000);
  assert.equal(tree.self[2], 32_000_000);
});

test("callers and callees of one function add up to its total", () => {
  const profile = load(smallProfile());
  const raw = main(profile);
  const callers = arrange(callersOf(raw, 4, profile.functions.count), "size");
  assert.deepEqual(outline(callers, profile), [
    "all 7000000",
    " c 7000000",
    "  a 5000000",
    "   settings 5000000",
    "  Session.get 2000000",
    "   settings 2000000",
  ]);
  const callees = arrange(calleesOf(raw, 2, profile.functions.count), "size");
  assert.deepEqual(outline(callees, profile), ["all 13000000", " a 13000000", "  b 6000000", "  c 5000000"]);
});

test("recursion counts its total once and never passes the whole", () => {
  const profile = load({
    functions: [
      { name: "root", kind: 3 },
      { name: "f", app: true },
      { name: "g", app: true },
    ],
    nodes: [
      [0, 0, 0],
      [1, 1, 10, 1],
      [2, 2, 10, 1],
      [3, 1, 10, 2],
      [4, 1, 10, 4],
    ],
  });
  const raw = main(profile);
  const rows = byFunction(raw, profile.functions.count);
  assert.deepEqual(
    rows.map((row) => [row.fn, row.self, row.total, row.calls, row.primitive]),
    [
      [1, 30, 40, 7, 1],
      [2, 10, 30, 1, 1],
    ],
  );
  const edges = edgesOf(raw, profile.functions.count);
  assert.deepEqual(
    linksOf(edges, 1, "callers").map((link) => [link.fn, link.total, link.calls]),
    [
      [2, 20, 2],
      [1, 10, 4],
    ],
  );
  const callers = arrange(callersOf(raw, 1, profile.functions.count), "size");
  assert.equal(callers.total[0], 40);
  assert.equal(arrange(calleesOf(raw, 1, profile.functions.count), "size").total[0], 40);
});

test("time order begins a new box where the stack changes", () => {
  const profile = load({
    meta: { unit: "samples", sampled: true, callsKnown: false },
    functions: [{ name: "root", kind: 3 }, { name: "f" }, { name: "g" }],
    nodes: [
      [0, 0, 0],
      [1, 1, 3],
      [2, 2, 4],
    ],
    samples: [
      [2, 1],
      [2, 1],
      [1, 3],
      [2, 2],
    ],
  });
  const tree = arrange(treeOfSamples(profile), "time");
  assert.deepEqual(outline(tree, profile), ["all 7", " f 7", "  g 2", "  g 2"]);
  assert.deepEqual([tree.start[2], tree.start[3]], [0, 2]);
  const bySize = arrange(main(profile), "size");
  assert.deepEqual(outline(bySize, profile), ["all 7", " f 7", "  g 4"]);
});

test("search knows the share that matches, inner matches not twice", () => {
  const profile = load(smallProfile());
  const tree = arrange(main(profile), "size");
  const search = (text: string) => matchedValue(tree, matchFunctions(profile.functions, text) as Uint8Array);
  assert.deepEqual(search("requests/"), { value: 34_000_000, boxes: 2 });
  assert.deepEqual(search("WORK.py"), { value: 15_000_000, boxes: 4 });
  assert.deepEqual(search("/^(b|c)$/"), { value: 13_000_000, boxes: 3 });
  assert.deepEqual(search("/(/"), { value: 0, boxes: 0 });
  assert.equal(matchFunctions(profile.functions, "  "), null);
  const hits = matchFunctions(profile.functions, "work.py") as Uint8Array;
  assert.deepEqual(
    [nextMatch(tree, hits, -1, 1), nextMatch(tree, hits, 5, 1), nextMatch(tree, hits, 5, -1)],
    [5, 6, 8],
  );
});

test("a profile of pairs keeps the file's own figures", () => {
  const profile = load(PAIRS);
  assert.ok(profile.pairs);
  const rows = rowsOfPairs(profile.pairs);
  assert.deepEqual(
    rows.map((row) => [row.fn, row.self, row.total, row.calls, row.primitive])[0],
    [3, 60, 60, 5, 4],
  );
  assert.deepEqual(
    linksOf(profile.pairs.edges, 3, "callers").map((link) => [link.fn, link.calls, link.total]),
    [
      [1, 3, 30],
      [2, 2, 30],
    ],
  );
  assert.deepEqual(
    linksOf(profile.pairs.edges, 0, "callees").map((link) => link.fn),
    [1, 2],
  );
});

test("stacks guessed from pairs share a function out among its callers", () => {
  const profile = load(PAIRS);
  const tree = arrange(estimateTree(profile.pairs!, profile.functions.count), "size");
  assert.deepEqual(outline(tree, profile), [
    "all 100",
    " main 100",
    "  a 50",
    "   shared 30",
    "  b 40",
    "   shared 30",
  ]);
  assert.equal(tree.self[1], 10);
});

test("stacks guessed from a cycle end", () => {
  const profile = load({
    functions: [{ name: "main" }, { name: "f" }, { name: "g" }],
    pairs: {
      own: [
        [1, 1, 0, 10],
        [3, 1, 5, 10],
        [2, 1, 5, 9],
      ],
      edges: [
        [0, 1, 1, 1, 1, 10],
        [2, 1, 2, 0, 4, 8],
        [1, 2, 2, 1, 5, 9],
      ],
    },
  });
  const tree = arrange(estimateTree(profile.pairs!, profile.functions.count), "size");
  assert.equal(tree.total[0], 10);
  assert.ok(tree.count < 10);
});

test("rows sort by each column, both ways", () => {
  const profile = load(smallProfile());
  const rows = byFunction(main(profile), profile.functions.count);
  const names = (key: Parameters<typeof sortRows>[1], reverse: boolean) =>
    sortRows(rows.slice(), key, reverse, profile, profile.functions.file).map(
      (row) => profile.functions.name[row.fn],
    );
  assert.equal(names("self", false)[0], "<method 'recv' of '_socket.socket' objects>");
  assert.equal(names("total", false)[0], "settings");
  assert.equal(names("name", false)[0], "<method 'recv' of '_socket.socket' objects>");
  assert.equal(names("name", true)[0], "settings");
  assert.deepEqual(names("calls", false).slice(0, 2), ["c", "Session.get"]);
  assert.equal(names("percall", false)[0], "settings");
});

test("the call graph keeps what is heavy and draws it downwards", () => {
  const profile = load(smallProfile());
  const raw = main(profile);
  const rows = byFunction(raw, profile.functions.count);
  const edges = edgesOf(raw, profile.functions.count);
  const all = selectGraph(rows, edges, profile.functions, 49_001_000, {
    least: 0.05,
    leastEdge: 0.01,
    most: 80,
    around: -1,
  });
  assert.equal(all.nodes.length, 7);
  const few = selectGraph(rows, edges, profile.functions, 49_001_000, {
    least: 0,
    leastEdge: 0,
    most: 3,
    around: -1,
  });
  assert.deepEqual([few.nodes.length, few.hidden], [3, 4]);
  const placed = placeLayers(
    all.nodes.map(() => 100),
    all.edges,
    { boxHeight: 40, rowGap: 40, columnGap: 20 },
  );
  for (const edge of all.edges) assert.ok(placed.boxes[edge.to].y > placed.boxes[edge.from].y);
  for (const [k, a] of placed.boxes.entries()) {
    for (const b of placed.boxes.slice(k + 1)) assert.ok(a.y !== b.y || Math.abs(a.x - b.x) >= 119.99);
  }
});

test("a cycle in the call graph is drawn as one edge back", () => {
  const placed = placeLayers(
    [50, 50, 50],
    [
      { from: 0, to: 1 },
      { from: 1, to: 2 },
      { from: 2, to: 0 },
    ],
    {
      boxHeight: 10,
      rowGap: 10,
      columnGap: 10,
    },
  );
  assert.deepEqual(
    placed.wires.map((wire) => wire.back),
    [false, false, true],
  );
  assert.equal(placed.height, 50);
});

test("the sentence names the hot function and the application line behind it", () => {
  const profile = load(smallProfile());
  const raw = main(profile);
  const text = headline(profile, byFunction(raw, profile.functions.count), 49_001_000, false)
    .map((piece) => piece.text)
    .join("");
  assert.equal(
    text,
    "49.0 ms in one request. 61 % (30.0 ms) is spent in <method 'recv' of '_socket.socket' objects> itself, on behalf of settings" +
      " (shop/views.py:13). Beside it 4 threads ran for 80.0 ms.",
  );
  profile.meta.requests = 2;
  const several = headline(profile, byFunction(raw, profile.functions.count), 49_001_000, false).map(
    (piece) => piece.text,
  );
  assert.equal(several[0], "24.5 ms a request, the mean of 2.");
  assert.equal(several.at(-1), " Beside it, in a request 2 threads ran for 40.0 ms.");
  assert.equal(headline(profile, [], 0, false)[0].text, "Nothing was recorded in this profile.");
});

test("values are shown with three digits and a unit", () => {
  assert.deepEqual([0, 812, 4310, 95.2e6, 2.21e9, 204e9, 999_600].map(showTime), [
    "0 ns",
    "812 ns",
    "4.31 µs",
    "95.2 ms",
    "2.21 s",
    "3.4 min",
    "1.00 ms",
  ]);
  assert.deepEqual([showCount(1234567), showCount(999)], ["1,234,567", "999"]);
  assert.deepEqual(
    [showShare(61, 100), showShare(4.3, 100), showShare(0.5, 100), showShare(1, 1e6), showShare(0, 9)],
    ["61 %", "4.3 %", "0.50 %", "<0.01 %", "0 %"],
  );
  assert.equal(showValue("bytes", 4310), "4.31 kB");
  assert.equal(showValue("samples", 4310), "4,310");
});

test("files are shown below their package folder", () => {
  assert.equal(shortFile("/usr/lib/python3.11/json/decoder.py"), "json/decoder.py");
  assert.equal(shortFile("/v/lib/python3.12/site-packages/flask/app.py"), "flask/app.py");
  assert.equal(shortFile("/home/me/work/shop/views.py"), "work/shop/views.py");
  assert.equal(shortFile("shop/views.py"), "shop/views.py");
});

test("a fragment says the whole state and survives nonsense", () => {
  const state = {
    ...START,
    view: "icicle" as const,
    inverted: true,
    query: "a b&c",
    fn: 3,
    at: 17,
    sort: "calls" as const,
    reverse: true,
  };
  assert.deepEqual(parseState(formatState(state)), state);
  assert.equal(formatState(START), "");
  assert.deepEqual(parseState("#view=<x>&at=-5&fn=1e9&sort=-evil"), { ...START, reverse: true });
});

test("200,000 nodes are laid out and turned round in time that does not grow with their depth", () => {
  const nodes: [number, number, number, number][] = [[0, 0, 1, 1]];
  let seed = 7;
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648;
  };
  for (
    let depth = 1;
    nodes.length < 200_000;
    depth = Math.max(1, Math.min(depth + (random() < 0.55 ? 1 : -Math.floor(random() * 5)), 60))
  ) {
    depth = Math.min(depth, nodes[nodes.length - 1][0] + 1);
    nodes.push([depth, 1 + Math.floor(random() * 4999), Math.floor(random() * 1000), 1]);
  }
  const functions = Array.from({ length: 5000 }, (_, f) => ({
    name: `f${f}`,
    file: `p${f % 40}/m.py`,
    line: f,
    app: f % 3 === 0,
  }));
  const profile = load({ functions, nodes });
  const began = performance.now();
  const raw = main(profile);
  const tree = arrange(raw, "size");
  const laid = performance.now();
  const inverted = invert(raw, profile.functions.count);
  const turned = performance.now();
  assert.equal(tree.total[0], totals(raw)[0]);
  assert.ok(inverted.count > 5000);
  assert.ok(laid - began < 10_000, `laid out in ${laid - began} ms`);
  assert.ok(turned - laid < 20_000, `turned round in ${turned - laid} ms`);
});

test("waits from one place are one row, however many threads they were in; holders too", () => {
  const wait = { kind: "recv", peer: "10.0.0.1:80", file: "a.py", line: 3, function: "f" };
  const rows = groupWaits([
    { ...wait, count: 2, total_ms: 5, max_ms: 4, lane: 1 },
    { ...wait, count: 1, total_ms: 7, max_ms: 7, lane: 2 },
    { ...wait, line: 4, count: 1, total_ms: 1, max_ms: 1, lane: 2 },
  ]);
  assert.deepEqual(
    rows.map((row) => [row.line, row.lanes, row.count, row.total_ms, row.max_ms]),
    [
      [3, 2, 3, 12, 7],
      [4, 1, 1, 1, 1],
    ],
  );
  const held = { kind: "gil", count: 1, total_ms: 2 };
  const holders = groupHolders([
    { ...held, lane: 1, request: "a" },
    { ...held, lane: 1, request: "a" },
    { ...held, lane: 1, thread: "t" },
  ]);
  assert.deepEqual(
    holders.map((row) => [row.request, row.thread, row.lanes, row.count]),
    [
      ["a", undefined, 1, 2],
      [undefined, "t", 1, 1],
    ],
  );
});
