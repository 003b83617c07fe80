/* pageview.test.ts -- the model of a page view: what a header told, how long the server was at work, and the link that carries it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Asked,
  decodeView,
  encodeView,
  endOf,
  type PageView,
  readTold,
  sentenceOf,
  serverOf,
  within,
} from "../model/pageview";

function asked(
  name: string,
  start_ms: number,
  first_ms: number,
  end_ms: number,
  server_ms: number | null,
): Asked {
  return {
    name,
    kind: "fetch",
    start_ms,
    first_ms,
    end_ms,
    server_ms,
    queries: 1,
    status: 200,
    id: "8df77d88a0d18b36",
  };
}

function view(...rows: Asked[]): PageView {
  return {
    path: "/settings/ä",
    at: 1,
    ttfb_ms: 400,
    download_ms: 10,
    dom_ms: 900,
    load_ms: 1000,
    lcp_ms: null,
    asked: rows,
    left_out: 0,
  };
}

test("a header tells server time, statements and the request", () => {
  const told = readTold(
    'total;dur=2214.5, queue;dur=1, app;dur=1900, db;dur=314.25;desc="41 queries", request;desc="8df77d88a0d18b36"',
  );
  assert.deepEqual(told, { id: "8df77d88a0d18b36", server_ms: 2214.5, sql_ms: 314.25, queries: 41 });
  assert.equal(readTold('total;dur=1, db;dur=0;desc="1 query"')?.queries, 1);
  for (const other of [null, "", "cdn-cache;desc=HIT", "total", 'db;dur=1;desc="3 queries"'])
    assert.equal(readTold(other), null);
  assert.equal(readTold('total;dur=1, request;desc="<b>"')?.id, "");
});

test("server time at once counts once, and only while the page was coming", () => {
  const page = view(
    asked("GET /settings", 0, 400, 410, 300),
    asked("GET /a", 1100, 3100, 3200, 1900),
    asked("GET /b", 1100, 3000, 3300, 1800),
    asked("GET /poll", 9000, 9900, 9900, 900), // after a pause: another reason
  );
  assert.equal(endOf(page), 3300);
  assert.equal(within(page).length, 3);
  assert.equal(serverOf(page), 300 + 1900);
  assert.equal(sentenceOf(page), "Server 2.20 s of 3.30 s; the longest is GET /a with 1.90 s");
});

test("what no header told is not 0", () => {
  const page = view(asked("GET /", 0, 400, 410, null));
  assert.equal(serverOf(page), null);
  assert.equal(sentenceOf(page), "1.00 s; the server's part was not told");
});

test("a longer server time than the browser waited is cut to it", () => {
  assert.equal(serverOf(view(asked("GET /", 100, 150, 160, 5000))), 50);
});

test("a link carries the view and gives it back", () => {
  const page = view(
    asked("GET /settings", 0, 400, 410, 300.128),
    asked("POST /x?y=<b>&z=ü", 500, 600, 700, null),
  );
  const back = decodeView(encodeView(page));
  assert.deepEqual(back, { ...page, asked: [{ ...page.asked[0], server_ms: 300.13 }, page.asked[1]] });
  assert.match(encodeView(page), /^[A-Za-z0-9_-]+$/);
});

test("a link holds the navigation and the longest of many, and says how many it left out", () => {
  const many = Array.from({ length: 300 }, (_, k) => asked(`GET /${k}`, 10, 20, 30 + k, 1));
  const back = decodeView(encodeView(view(asked("GET /", 0, 1, 2, 1), ...many)));
  assert.equal(back?.asked.length, 80);
  assert.equal(back?.asked[0].name, "GET /");
  assert.equal(back?.asked[79].name, "GET /299");
  assert.equal(back?.left_out, 221);
});

test("an address that holds something else is no page view", () => {
  const made = (value: unknown) => btoa(JSON.stringify(value));
  const row = ["GET /", "fetch", 0, 1, 2, 1, 1, 200, "8df77d88a0d18b36"];
  for (const text of [
    "",
    "%",
    "AAAA",
    made(null),
    made([2, "/", 1, [1, 1, 1, 1, 1], 0, [row]]),
    made([1, "/", 1, [1, 1, 1, 1, 1], 0, []]),
    made([1, 7, 1, [], 0, [row]]),
    made([1, "/", 1, null, 0, [row]]),
    made([1, "/", 1, [], 0, [["GET /", "fetch", 5, 1, 2, 1, 1, 200, ""]]]),
    made([1, "/", 1, [], 0, [["GET /", "fetch", 0, 1, 1e300, 1, 1, 200, ""]]]),
  ]) {
    assert.equal(decodeView(text), null, text);
  }
  const odd = decodeView(
    made([1, "/", 1, ["x", -1, null], 0, [["GET /", "fetch", 0, 1, 2, "9", {}, null, "../../x"]]]),
  );
  assert.deepEqual(odd?.asked[0], { ...asked("GET /", 0, 1, 2, null), queries: null, status: null, id: "" });
  assert.deepEqual([odd?.ttfb_ms, odd?.load_ms], [null, null]);
});
