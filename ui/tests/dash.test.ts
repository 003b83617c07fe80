/* dash.test.ts -- the model behind the dashboard: addresses, splits of time, statements in order, call trees as rows, two trees laid over each other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { apart, linearTicks, logTicks, momentTicks } from "../model/axis";
import { branchesOf } from "../model/branches";
import { profileOf } from "../model/calltree";
import { deltaOf } from "../model/delta";
import { editorLink } from "../model/editor";
import { kindOf, splitCritical, splitTime } from "../model/kinds";
import { lanesToDraw, momentAt, stackOf, within } from "../model/lane";
import { lineCosts } from "../model/linecost";
import { findingsOf } from "../model/seen";
import { inZone, momentOf, showBytes, showChange, showMs } from "../model/show";
import { foldColumns, runsOf } from "../model/statements";
import { totals } from "../model/tree";
import { formatWhere, linkTo, parseWhere, question } from "../model/where";
import * as fixture from "./fixture";

const REQUEST = fixture.request("8df77d88a0d18b36");

test("a fragment is a page and its words, and back", () => {
  const where = parseWhere("#/route?route=GET+%2Fx%3Cid%3E&last=900");
  assert.deepEqual(where, { page: "route", words: { route: "GET /x<id>", last: "900" } });
  assert.deepEqual(parseWhere(formatWhere(where.page, where.words)), where);
  for (const fragment of ["", "#", "#/", "#/nothing", "#/overview", "#/../../etc", "#/constructor"]) {
    assert.equal(parseWhere(fragment).page, "overview", fragment);
  }
  assert.equal(formatWhere("overview", { last: "", q: "a&b" }), "#/?q=a%26b");
});

test("the range travels to other pages, the rest stays behind", () => {
  const where = parseWhere("#/route?route=GET+%2Fx&last=900&revision=*&min_ms=5&view=graph");
  assert.equal(linkTo(where, "sql"), "#/sql?last=900&revision=*");
  assert.equal(linkTo(where, "overview", { last: "" }), "#/?revision=*");
  assert.equal(question("sql", { text: "a b", sort: "" }), "sql?text=a+b");
});

test("what is not known is said, never 0", () => {
  assert.equal(showMs(null), "not recorded");
  assert.equal(showMs(undefined), "not recorded");
  assert.equal(showBytes(null), "not recorded");
  assert.equal(showMs(0), "0");
  assert.equal(showMs(1963.58), "1.96 s");
  assert.equal(showChange(-436.4), "−436 ms");
  assert.equal(showChange(0), "±0");
  assert.equal(showChange(-1e-7), "±0");
  assert.equal(splitTime(undefined), null);
  assert.equal(splitTime({ wall_ms: 5 }), null);
});

test("a request's split follows the critical path and adds up to its time", () => {
  const { timeline, wall_ms } = REQUEST;
  const parts = splitCritical(timeline?.lanes ?? [], timeline?.critical ?? [], wall_ms ?? 0);
  const sum = parts.reduce((total, part) => total + part.ms, 0);
  assert.ok(Math.abs(sum - (wall_ms ?? 0)) < 0.01, `${sum}`);
  const of = (kind: string) => parts.find((part) => part.kind === kind)?.ms ?? 0;
  assert.equal(of("lock"), 0); // the main thread only waits for the last of the forty
  assert.ok(of("recv") > 1100 && of("sql") > 300);
});

test("the mean split takes the CPU inside waits away once", () => {
  const parts = splitTime({
    wall_ms: 100,
    cpu_ms: 40,
    busy_in_waits_ms: 10,
    runqueue_ms: 5,
    left_over_ms: 5,
    kinds_ms: { recv: 60 },
  });
  assert.deepEqual(parts, [
    { kind: "cpu", ms: 30 },
    { kind: "recv", ms: 60 },
    { kind: "runqueue", ms: 5 },
    { kind: "left", ms: 5 },
  ]);
  assert.equal(kindOf("something new").name, "something new");
});

test("statements in order: stretches of the same one fold, repeats are counted", () => {
  const runs = runsOf(REQUEST.executions ?? [], true);
  assert.deepEqual(
    runs.map((run) => [run.count, run.rows, run.duplicates]),
    [
      [1, 40, 0],
      [40, 40, 10],
    ],
  );
  assert.equal(runsOf(REQUEST.executions ?? [], false).length, 41);
  const unknown = runsOf([{ statement: "x", at_ms: 0, execute_ms: 1, lane: 0 }], true);
  assert.equal(unknown[0].rows, null);
});

test("a statement in one line has no long list of columns before its table", () => {
  const columns = Array.from({ length: 9 }, (_, k) => `settings.column_${k} AS settings_${k}`).join(", ");
  assert.equal(
    foldColumns(`SELECT ${columns} \nFROM settings WHERE settings.name = ?`),
    "SELECT … FROM settings WHERE settings.name = ?",
  );
  assert.equal(
    foldColumns(`select (SELECT count(*) FROM groups), ${columns} from settings`),
    "SELECT … from settings",
  );
  for (const text of ["SELECT id, name FROM settings", `INSERT INTO a SELECT ${columns} FROM b`, "PRAGMA x"])
    assert.equal(foldColumns(text), text);
});

test("marks along an axis that would write over each other are left out", () => {
  const marks = [0, 30, 52, 60, 110, 161].map((x) => ({ x }));
  assert.deepEqual(
    apart(marks, 52).map(({ x }) => x),
    [0, 52, 110],
  );
});

test("the call tree as rows folds libraries and hangs SQL and waits where they were made", () => {
  const { nodes, executions, waits } = REQUEST;
  const ask = (least: number, unfold: boolean, closed: string[] = []) =>
    branchesOf(nodes ?? [], executions ?? [], waits ?? [], { least, unfold, closed: new Set(closed) });
  const { rows } = ask(0.01, false);
  assert.deepEqual(
    rows.map((row) => `${" ".repeat(row.depth)}${row.kind === "call" ? row.name : row.kind}`),
    [
      "(request)",
      " settings",
      "  fetch_all_peaks",
      "   lock",
      "   lane",
      "   lane",
      "   lane",
      "  load_each",
      "   sql",
      "  template",
    ],
  );
  const sql = rows.find((row) => row.kind === "sql");
  assert.equal(sql?.calls, 40);
  assert.ok(ask(0, true).rows.some((row) => row.name === "full_dispatch_request"));
  assert.equal(ask(0.5, false).left, 5);
  const settings = rows.find((row) => row.name === "settings")?.id ?? "";
  assert.equal(ask(0.01, false, [settings]).rows.length, 2);
});

test("a profile of a request has boxes of statements and waits, and no time twice", () => {
  const profile = profileOf({
    title: "x",
    requests: 1,
    nodes: REQUEST.nodes ?? [],
    executions: REQUEST.executions ?? [],
    waits: REQUEST.waits ?? [],
  });
  const without = profileOf({ title: "x", requests: 1, nodes: REQUEST.nodes ?? [] });
  assert.ok(profile.tree && without.tree);
  const names = Array.from(profile.tree.fn, (fn) => (fn < 0 ? "" : profile.functions.name[fn]));
  assert.ok(names.includes("lock"));
  assert.ok(names.some((name) => name.startsWith("SELECT settings")));
  assert.equal(Math.round(totals(profile.tree)[0]), Math.round(totals(without.tree)[0]));
});

test("of a route's findings a request shows those that are to be seen in it", () => {
  const elsewhere = { ...fixture.FINDINGS[0], id: "x", file: "shop/other.py", requests_example: [] };
  const ids = findingsOf(REQUEST, [elsewhere, ...fixture.FINDINGS]).map((finding) => finding.id);
  assert.deepEqual(ids, [fixture.FINDINGS[0].id, fixture.FINDINGS[1].id]);
  assert.deepEqual(
    findingsOf(
      {
        ...REQUEST,
        id: "0",
        statements: [],
        waits: [],
        calls: [],
        nodes: null,
        timeline: { lanes: [], critical: [] },
      },
      fixture.FINDINGS,
    ),
    [],
  );
});

test("a tree of samples has no calls, and says so", () => {
  const nodes = fixture.tree().nodes.map(({ calls, ...node }) => ({ ...node, samples: calls ?? 1 }));
  const profile = profileOf({ title: "x", requests: 1, nodes });
  assert.equal(profile.meta.sampled, true);
  assert.equal(profile.meta.callsKnown, false);
  const { rows } = branchesOf(nodes, [], [], { least: 0, unfold: false, closed: new Set() });
  assert.equal(rows[1].calls, null);
});

test("two trees laid over each other tell what grew and what shrank", () => {
  const { before, after } = fixture.diff();
  const delta = deltaOf(before, after);
  const named = (name: string) => {
    for (let i = 1; i < delta.tree.count; i++) if (delta.names[delta.tree.fn[i]] === name) return i;
    return -1;
  };
  assert.equal(delta.before[named("fetch_all_peaks")], 1300e6);
  assert.equal(delta.after[named("fetch_all_peaks")], 20e6);
  assert.equal(delta.after[named("load_each")], 0);
  assert.ok(delta.tree.total[named("load_each")] >= 640e6);
  assert.equal(named("fetch_peak"), -1); // ran beside the request
  const beside = deltaOf(before, after, true);
  assert.equal(beside.before[0], 360e6);
  assert.deepEqual(beside.names, ["fetch_peak", "urlopen"]);
});

test("lanes: the main one and the critical path are always drawn", () => {
  const lanes = REQUEST.timeline?.lanes ?? [];
  const drawn = lanesToDraw(lanes, 5);
  assert.equal(drawn.length, 5);
  assert.ok(drawn.some((lane) => lane.lane === 0) && drawn.some((lane) => lane.lane === 40));
  const moment = momentAt(lanes[40], 700);
  assert.equal(moment?.state, "recv");
  assert.ok(moment);
  const here = within(REQUEST, moment);
  assert.equal(here.spans.length, 1);
  assert.equal(here.stack[0].function, "urlopen");
  assert.equal(momentAt(lanes[1], 2000), null);
  assert.deepEqual(stackOf([], 7), []);
});

test("a line costs what it calls; a recursion counts once", () => {
  const costs = lineCosts(fixture.tree().nodes, "shop/pages.py", 1);
  assert.deepEqual(costs.get(35), { calls: 1, total_ms: 1300, own_ms: 0 });
  assert.deepEqual(costs.get(30), { calls: 0, total_ms: 0, own_ms: 2 });
  const again = (node: number, parent: number, total_ms: number) => ({
    node,
    parent,
    kind: "call",
    function: "f",
    file: "a.py",
    line: 1,
    call_line: 3,
    application: true,
    calls: 1,
    self_ms: 1,
    total_ms,
  });
  const recursive = lineCosts([again(0, -1, 30), again(1, 0, 20), again(2, 1, 10)], "a.py", 1);
  assert.deepEqual(recursive.get(3), { calls: 2, total_ms: 20, own_ms: 0 });
});

test("what samples found in a function costs the line that they found", () => {
  const at = (line: number, self_ms: number) => ({ line, self_ms, samples: self_ms });
  const node = { node: 0, parent: -1, kind: "call", function: "f", file: "a.py", line: 1, application: true };
  const costs = lineCosts([{ ...node, self_ms: 30, total_ms: 30, lines: [at(4, 18), at(6, 10)] }], "a.py", 2);
  assert.deepEqual(
    [4, 6, 1].map((line) => costs.get(line)?.own_ms),
    [9, 5, 1],
  );
});

test("a link to an editor takes the schemes of editors only, and any file's name as it is", () => {
  const template = "vscode://file/home/me/{file}:{line}";
  assert.equal(editorLink(template, "a b/x?#.py", 7), "vscode://file/home/me/a%20b/x%3F%23.py:7");
  assert.equal(editorLink(template, "$&$`.py", 7), "vscode://file/home/me/$&$%60.py:7");
  for (const other of [
    "javascript:alert(1)",
    " javascript:x",
    "JAVASCRIPT:x",
    "https://x/{file}",
    "data:,x",
    "vscode",
    "",
  ]) {
    assert.equal(editorLink(other, "x.py", 1), "", other);
  }
});

test("axes stand on round values", () => {
  assert.deepEqual(linearTicks(410, 4), [0, 200, 400]);
  assert.deepEqual(linearTicks(0), [0]);
  assert.deepEqual(logTicks(0.9, 1200), [1, 10, 100, 1000]);
  assert.deepEqual(logTicks(0, 5), []);
  const { at, step } = momentTicks(fixture.START, fixture.START + 7200e3, 6);
  assert.equal(step, 1800e3);
  assert.equal(at[0], fixture.START);
});

test("a moment in a field of date and time is the same moment again", () => {
  const at = new Date(2026, 2, 1, 9, 5, 7).getTime();
  assert.equal(inZone(at), "2026-03-01T09:05:07");
  assert.equal(momentOf(inZone(at)), String(at));
  assert.equal(momentOf(""), "");
  assert.equal(momentOf("yesterday"), "");
});
