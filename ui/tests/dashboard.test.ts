/* dashboard.test.ts -- the dashboard in Chromium against a server with the real policy below a sub-path: every page, keyboard, brushes, what is empty or wrong. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import type { RequestAnswer } from "../api/types";
import { launch, UI } from "./browser";
import * as fixture from "./fixture";
import { Failure, type Stub, stub } from "./stub";

const ID = "8df77d88a0d18b36";
const ROUTE = encodeURIComponent("GET /settings/<project>");

/** Address and what must stand in it: figures of the fixture. */
const PAGES: [string, string, RegExp][] = [
  [
    "overview",
    "#/",
    /40 threads, one per item.*4,112 recorded.*3 dropped \(ring 3\).*−1\.27 s a request.*GET \/overview/,
  ],
  ["routes", "#/routes", /6 routes; GET \/settings\/<project>.*GET \/health/],
  [
    "route",
    `#/route?route=${ROUTE}`,
    /312 requests.*p90 2\.55 s p95 2\.95 s.*lock 1\.15 s.*SELECT groups\.id.*ValueError/,
  ],
  ["requests", "#/requests", /120 requests match.*not recorded.*1 to 50 of 120/],
  [
    "request",
    `#/request?id=${ID}`,
    /2\.16 s.*network wait 1\.17 s.*slower than 96 %.*40 threads, one per item shop\/history\.py:33 −1\.27 s a request/,
  ],
  [
    "sql",
    "#/sql",
    /3 statements took 3\.5 min.*94 % is SELECT settings.*40 times a request.*15\.8 ms 17\.2 ms .*not recorded/,
  ],
  [
    "findings",
    "#/findings",
    /3 findings; the largest is 40 threads.*<u>known<\/u> unmute.*80\.0 ms 77\.0 ms.*gil contention level trace/,
  ],
  [
    "finding",
    "#/findings?id=e38793f4ef747120",
    /thread\.start\(\).*Mending it saves about 1\.27 s.*Do it together:/,
  ],
  [
    "compare",
    "#/compare?diff=1",
    /went from 1\.96 s to 49\.1 ms \(40 times faster\).*too few requests.*slower by 8\.0 %, which is taken out.*lock fetch_all_peaks.*−1\.25 s.*load_each/,
  ],
  [
    "profiles",
    "#/profiles",
    /2\.11 s in one request\. 59 % \(1\.25 s\) is spent in fetch_all_peaks itself, shop\/history\.py:25\./,
  ],
  [
    "process",
    "#/process",
    /2 processes used 337 MB at \d+ \w+ [\d:]+; process 4702 grew by 118 MB\..*dropped 3 .*waited for the store 0.*Waits that cannot be seen in 2 processes: <b>_ssl\.so: OpenSSL/,
  ],
  [
    "settings",
    "#/settings",
    /1 setting is changed.*levels how deep.*<u>known<\/u> unmute.*41\.0 MB of 1\.00 GB.*kept for 7 days.*name holds cookie, <b>token<\/b>/,
  ],
];

let browser: Browser;
let server: Stub;

before(async () => {
  browser = await launch();
  server = await stub("/a/b/");
});
after(() => {
  server?.close();
  return browser?.close();
});

interface Options {
  width?: number;
  dark?: boolean;
}

/** Run on a page; afterwards nothing may have been said on the console, refused by the policy, or asked for elsewhere. */
async function on(
  fragment: string,
  options: Options,
  act: (page: Page) => Promise<void>,
  calm = true,
): Promise<void> {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1280, height: 900 },
    colorScheme: options.dark ? "dark" : "light",
  });
  const page = await context.newPage();
  const trouble: string[] = [];
  page.on("console", (message) => trouble.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => trouble.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(server.url) && !request.url().startsWith("data:"))
      trouble.push(`request: ${request.url()}`);
  });
  try {
    await page.goto(server.url + fragment);
    await page.waitForSelector("h1, .no-data, .wrong");
    await act(page);
    if (calm) assert.deepEqual(trouble, []);
  } finally {
    server.change({});
    await context.close();
  }
}

function hash(page: Page): Promise<string> {
  return page.evaluate(() => location.hash);
}

async function shows(page: Page, text: RegExp): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const content = (await page.locator("#content").innerText()).replace(/\s+/g, " ");
    if (text.test(content)) return;
    if (Date.now() > deadline) assert.match(content, text);
    await page.waitForTimeout(50);
  }
}

/** Wait until the page has asked the server for a path below api/v1 that matches. */
async function asks(path: RegExp): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!server.asked.some((asked) => path.test(decodeURIComponent(asked)))) {
    if (Date.now() > deadline) assert.match(server.asked.join("\n"), path);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const [name, fragment, text] of PAGES) {
  test(`${name}: the right figures, wide and narrow, light and dark`, async () => {
    for (const options of [{}, { width: 390, dark: true }]) {
      await on(fragment, options, async (page) => {
        await shows(page, options.width ? /\S/ : text);
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        assert.ok(wider <= 0, `${wider} px wider than the window of ${options.width ?? 1280}`);
        const [headings, nameless] = await page.evaluate(() => {
          const unnamed = Array.from(
            document.querySelectorAll("button, input, select, a[href], canvas, svg[role]"),
          ).filter((element) => {
            const labelled = (element as HTMLInputElement).labels?.length;
            return !labelled && !element.getAttribute("aria-label") && !element.textContent?.trim();
          });
          return [
            document.querySelectorAll("h1").length,
            unnamed.map((element) => element.outerHTML.slice(0, 80)),
          ];
        });
        assert.equal(headings, 1);
        assert.deepEqual(nameless, []);
      });
    }
  });
}

test("the first load is at most 100 kB compressed, and nothing in it is inline", () => {
  const folder = join(UI, "dist/dash");
  const files = readdirSync(folder).filter((name) => name !== "graph.js");
  const sizes = files.map((name) => gzipSync(readFileSync(join(folder, name))).length);
  assert.ok(files.length >= 3);
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) <= 100_000, String(sizes));
  const html = readFileSync(join(folder, "index.html"), "utf8");
  assert.doesNotMatch(html, /<style|style=|<script(?![^>]* src=)|\son[a-z]+=|https?:/);
});

test("a cause that another route has too says which edit mends both", () => {
  const [first, second, ...rest] = fixture.FINDINGS;
  const findings = [first, { ...second, route: "GET /overview", same_as: first.id }, ...rest];
  server.change({ overview: () => ({ ...fixture.OVERVIEW, findings }) });
  return on("#/", {}, (page) => shows(page, /40 times the same edit as 1 GET \/overview/));
});

test("on a narrow screen no quantile of a route is missing, and no tick stands on another", () =>
  on("#/", { width: 390 }, async (page) => {
    await shows(page, /GET \/overview 402 calls · 1 failed · p90 221 ms · p99 425 ms 170 ms 255 ms/);
    await page.goto(`${server.url}#/route?route=${ROUTE}`);
    await shows(page, /By duration/);
    const over = await page.evaluate(() => {
      const all = Array.from(document.querySelectorAll("text.tick"), (tick) => ({
        text: tick.textContent,
        at: tick.getBoundingClientRect(),
      }));
      const meet = ({ at: a }: (typeof all)[0], { at: b }: (typeof all)[0]) =>
        a.left < b.right && b.left < a.right && a.top < b.bottom - 4 && b.top < a.bottom - 4; // boxes are higher than figures
      return all.flatMap((a, k) =>
        all.slice(k + 1).flatMap((b) => (meet(a, b) ? [`${a.text} ${b.text}`] : [])),
      );
    });
    assert.deepEqual(over, []);
  }));

test("what an application recorded stays text", () =>
  on("#/", {}, async (page) => {
    await shows(page, /<script>document\.title="owned"<\/script>/);
    await shows(page, /GET \/<img src=x onerror=/);
    assert.equal(await page.title(), "Overview · Hotplate");
    assert.equal(await page.locator("#content img, #content script, #content i:not(.swatch)").count(), 0);
    await page.goto(`${server.url}#/sql`);
    await shows(page, /<\/code><img src=x onerror=alert\(1\)>/);
    assert.equal(await page.locator("#content img").count(), 0);
  }));

test("rows are walked by j and k and opened by Enter; Esc goes back", () =>
  on("#/", {}, async (page) => {
    await page.keyboard.press("j");
    assert.match((await page.evaluate(() => document.activeElement?.textContent)) ?? "", /40 threads/);
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    await page.keyboard.press("Enter");
    await shows(page, /Mending it saves/);
    assert.equal(await hash(page), "#/findings?id=e38793f4ef747120");
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => location.hash === "#/" || location.hash === "");
  }));

test("g and a letter goes to a page, / to its search, ? tells the keys", () =>
  on("#/", {}, async (page) => {
    await page.keyboard.press("g");
    await page.keyboard.press("e");
    await shows(page, /120 requests match/);
    await page.keyboard.press("/");
    const asked = page.waitForRequest(/\/requests\?.*text=orders/);
    await page.keyboard.type("orders");
    await page.waitForFunction(() => location.hash.includes("text=orders"));
    await asked;
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    assert.match(await page.locator("dialog[open]").innerText(), /next and previous row/);
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog[open]", { state: "detached" });
    await page.keyboard.press("g");
    await page.keyboard.press("o");
    await shows(page, /What to mend first/);
  }));

test("the tabs of a request by f, t and s", () =>
  on(`#/request?id=${ID}`, {}, async (page) => {
    await page.keyboard.press("t");
    await shows(page, /load_each.*SQL SELECT settings/);
    await page.keyboard.press("s");
    await shows(page, /41 statements, 632 ms; 10 of them ran before/);
    await shows(page, /Connections.*4 12\.5 ms – 18\.0 ms 40× – 500 µs 41 190 ms 20\.0 ms/);
    await page.getByRole("button", { name: "Grouped" }).click();
    await shows(page, /40×/);
    assert.match(await hash(page), /tab=sql.*sql=grouped|sql=grouped.*tab=sql/);
    await page.keyboard.press("f");
    await shows(page, /Bottom-up/);
    for (const [tab, text] of [
      ["Calls out", /history\.internal/],
      ["Templates", /settings\.html/],
      ["Logs", /slow <b>settings<\/b>/],
      ["Exception", /No exception/],
      [
        "Waits",
        /lock.*40.*1\.25 s.*GIL GET \/overview shop\/rates\.py:31 in totals 12 30\.5 ms lock thread refresher 1 4\.25 ms/,
      ],
      [
        "Arguments and facts",
        /View arguments name <str 3> Query page 3 page 4 <b>api_key<\/b> <redacted> .*shop\.example.*None kept: form.*and 7 that were not kept/,
      ],
    ] as const) {
      await page.getByRole("tab", { name: new RegExp(`^${tab}`) }).click();
      await shows(page, text);
    }
  }));

test("a request without statements says whether none ran or none was recorded", async () => {
  for (const [sql_count, text] of [
    [0, /SQL 0 .*No statement ran\./],
    [null, /Statements were not recorded at this level/],
  ] as const) {
    server.change({
      request: (words) => ({
        ...fixture.request(words.get("id") ?? ""),
        statements: [],
        executions: [],
        sql_count,
        sql_ms: sql_count,
      }),
    });
    await on(`#/request?id=${ID}&tab=sql`, {}, (page) => shows(page, text));
  }
});

test("what locks and arguments were not recorded says so, and none says none", async () => {
  for (const [change, tab, text] of [
    [{ waits: undefined, holders: undefined }, "waits", /Waits were not recorded at this level/],
    [{ waits: [], holders: [] }, "waits", /Nothing was waited for\..*No lock was waited for\./],
    [{ holders: [] }, "waits", /Nobody was seen with them\./],
    [{ query: undefined }, "facts", /Query They were not recorded at this level/],
    [{ connections: undefined }, "sql", /^(?!.*Connections).*41 statements/],
    [{}, "sql", /Objects built from rows.*61\.5 ms 20\.3 ms 5,200 2/],
    [{ built: null }, "sql", /^(?!.*Objects built).*41 statements/],
  ] as const) {
    server.change({
      request: (words) =>
        ({ ...fixture.request(words.get("id") ?? ""), ...change }) as unknown as RequestAnswer,
    });
    await on(`#/request?id=${ID}&tab=${tab}`, {}, (page) => shows(page, text));
  }
});

test("profiles of samples say how sure they are, and stand against the time before", () =>
  on("#/profiles", {}, async (page) => {
    await shows(page, /One request with a tree of 312 chosen; 40 more have samples\./);
    await page.getByLabel("What of them").selectOption("samples");
    await shows(
      page,
      /40 requests with samples of 312 chosen; 2,500 samples, so shares are ± 2\.0 %; 1 more have/,
    );
    await page.getByLabel("Compared with").selectOption("before");
    await shows(page, /The 15\.0 min chosen against those before; red grew, blue shrank\./);
    const asked = server.asked.find((path) => /^diff\?/.test(path) && /of=samples/.test(path)) ?? "";
    const [a, b] = ["a", "b"].map((side) => new URLSearchParams(asked.split("?")[1]).get(side)?.split(".."));
    assert.equal(a?.[1], b?.[0]);
    assert.equal(Number(a?.[1]) - Number(a?.[0]), Number(b?.[1]) - Number(b?.[0]));
    await page.getByLabel("What of them").selectOption("calls");
    await shows(page, /Choose a stretch of time above/);
  }));

test("what stands for more requests than were counted says so", () => {
  const completeness = { ...fixture.OVERVIEW.completeness, estimated_from_one_in: 128 };
  server.change({
    overview: () => ({ ...fixture.OVERVIEW, completeness, weight: 256 }),
    route: (words) => ({ ...fixture.routeAnswer(words.get("route") ?? "", true), completeness, weight: 256 }),
    requests: () => ({ ...fixture.REQUESTS, newest: { requests: 1048576, of: 20000000 } }),
  });
  return on("#/overview", {}, async (page) => {
    await shows(page, /recorded *estimated from one request in 128/);
    await shows(page, /drag to choose a time; estimated from one request in 256/);
    await page.goto(page.url().replace("#/overview", "#/route?route=GET%20%2Fsettings&min_ms=1"));
    await shows(page, /Below: [\d,]+ requests of .*, estimated from one request in 128\./);
    await page.goto(page.url().replace(/#.*/, "#/requests"));
    await shows(page, /requests match among the newest 1,048,576 of 20,000,000 in this time;/);
  });
});

test("a request that stands among those stored around it says among how many", async () => {
  for (const [change, text] of [
    [
      { rank_of: 1204, rank_among: 8193 },
      /slower than 96 % of the 1,204 others of its route among the 8,193 requests stored around it/,
    ],
    [{ rank: 1, rank_of: 40, rank_among: 8193 }, /slower than all 40 others of its route among/],
    [{ rank: 0, rank_of: 1, rank_among: 65537 }, /not slower than the one other of its route among/],
    [
      { rank: undefined, rank_of: 0, rank_among: 65537 },
      /the only one of its route among the 65,537 requests stored around it/,
    ],
  ] as const) {
    server.change({
      request: (words) =>
        ({ ...fixture.request(words.get("id") ?? ""), ...change }) as unknown as RequestAnswer,
    });
    await on(`#/request?id=${ID}`, {}, (page) => shows(page, text));
  }
});

test("a route that answers with another status is not said to be mended, and what was the machine's is said so", () => {
  const routes = fixture.COMPARE.routes.map((row, k) => ({
    ...row,
    ...(k === 0 ? { status_before: 200, status_after: 503 } : {}),
    ...(k === 1 ? { machine: true } : {}),
  }));
  server.change({ compare: () => ({ ...fixture.COMPARE, routes, findings: [] }) });
  return on("#/compare", {}, async (page) => {
    await shows(
      page,
      /\(40 times faster\)\. But GET \/settings\/<project> answered 200 before and answers 503: nothing here shows that a cause is gone\./,
    );
    await shows(page, /GET \/settings\/<project> answered 200, now 503 .*\+2\.00 ms \(the machine\)/);
    assert.equal(await page.locator("h1 .good").count(), 0);
    const [, row] = fixture.COMPARE.routes;
    server.change({ compare: () => ({ ...fixture.COMPARE, routes: [{ ...row, machine: true }] }) });
    await page.reload();
    await shows(
      page,
      /GET \/overview went from 170 ms to 172 ms, but most of that is the machine's: others had/,
    );
  });
});

test("requests are looked for by an argument, and the page says among how many", () => {
  server.change({
    requests: () => ({ ...fixture.REQUESTS, total: 3, looked_at: { requests: 1000, of: 5210 } }),
  });
  return on("#/requests", {}, async (page) => {
    await page.getByLabel("Argument, header or key").fill("page=3");
    await page.keyboard.press("Enter");
    await asks(/^requests\?.*input=page=3/);
    await shows(page, /3 requests match among the first 1,000 of 5,210; the slowest/);
    await page.getByRole("button", { name: "no filter" }).click();
    await page.waitForFunction(() => !/input/.test(location.hash));
  });
});

test("what is half typed stays while the page is drawn anew, and goes with its filter", () =>
  on("#/requests", {}, async (page) => {
    const field = page.getByLabel("Argument, header or key");
    await field.fill("page=");
    await page.evaluate(() => {
      location.hash = "#/requests?sort=slowest";
    });
    await asks(/^requests\?.*sort=slowest/);
    await page.waitForFunction(
      () => document.querySelector<HTMLSelectElement>("[aria-label='Order']")?.value === "slowest",
    );
    assert.equal(await field.inputValue(), "page=");
    await field.press("Enter");
    await asks(/^requests\?.*input=page=/);
    await page.getByRole("button", { name: "no filter" }).click();
    await page.waitForFunction(() => !/input/.test(location.hash));
    assert.equal(await field.inputValue(), "");
  }));

test("requests are filtered by their worker", () =>
  on("#/requests", {}, async (page) => {
    await page.getByLabel("Worker, by the number").fill("7");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => /worker=7/.test(location.hash));
    await asks(/^requests\?.*worker=7/);
    await page.getByLabel("Worker, by the number").fill("seven");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => !/worker/.test(location.hash));
  }));

test("two stretches of time are compared, chosen in the browser's own zone", () =>
  on("#/compare", {}, async (page) => {
    await page.getByLabel("Before", { exact: true }).selectOption("a stretch of time");
    await page.waitForFunction(() => /a=\d+(\.\.|%2E%2E)\d+/.test(location.hash));
    await page.getByLabel("Before, from").fill("2026-03-01T10:00:00");
    await page.getByLabel("Before, to").fill("2026-03-01T11:30:20");
    const [from, to] = ["2026-03-01T10:00:00", "2026-03-01T11:30:20"].map((at) => new Date(at).getTime());
    await page.waitForFunction(
      (range) => decodeURIComponent(location.hash).includes(range),
      `a=${from}..${to}`,
    );
    assert.equal(await page.getByLabel("Before, to").inputValue(), "2026-03-01T11:30:20");
    await asks(new RegExp(`^compare\\?a=${from}\\.\\.${to}&`));
    await page.getByLabel("Before", { exact: true }).selectOption({ index: 0 });
    await page.waitForFunction(() => !/\.\./.test(decodeURIComponent(location.hash)));
  }));

test("all views of a request's call tree, the call graph's code loaded only there", () =>
  on(`#/request?id=${ID}`, {}, async (page) => {
    const loaded = () =>
      page.evaluate(() =>
        performance.getEntriesByType("resource").some((entry) => entry.name.endsWith("/graph.js")),
      );
    assert.equal(await loaded(), false);
    for (const view of ["Flame", "Sunburst", "Sandwich", "Table"]) {
      await page.locator(".profile").getByRole("tab", { name: view, exact: true }).click();
      await page.waitForTimeout(100);
    }
    assert.equal(await loaded(), false);
    await page.locator(".profile").getByRole("tab", { name: "Call graph" }).click();
    await page.waitForSelector(".graph .node");
    assert.equal(await loaded(), true);
    assert.match(await hash(page), /view=graph/);
  }));

test("the timeline: drag zooms into the address, a click tells what was going on", () =>
  on(`#/request?id=${ID}`, {}, async (page) => {
    const box = await page.locator("canvas.lanes").boundingBox();
    assert.ok(box);
    await page.mouse.click(box.x + box.width * 0.4, box.y + 20 + 13.5 * 18);
    await shows(page, /network wait 1\.17 s in thread 40.*127\.0\.0\.1:39175.*urlopen/);
    await page.mouse.move(box.x + box.width * 0.7, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.8, box.y + 60, { steps: 4 });
    await page.mouse.up();
    await page.waitForFunction(() => /zoom=\d/.test(location.hash));
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => !/zoom=/.test(location.hash));
    assert.match(await page.locator(".timeline table.behind").innerText(), /thread 40/);
  }));

test("a brush over the histogram asks about those requests only, and stands in the address", () =>
  on(`#/route?route=${ROUTE}`, {}, async (page) => {
    const box = await page.locator("svg[aria-label='Requests by duration'] rect.over").boundingBox();
    assert.ok(box);
    await page.mouse.move(box.x + 2, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.18, box.y + 40, { steps: 4 });
    await page.mouse.up();
    await shows(page, /Below: 31 requests of 1\.00 s to 1\.78 s/);
    assert.match(await hash(page), /min_ms=1000&max_ms=1778\.27941/);
    await page.keyboard.press("f");
    await page.waitForSelector(".profile");
    const trees = server.asked.filter((path) => path.startsWith("tree?"));
    assert.match(trees[trees.length - 1], /min_ms=1000/);
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => !/min_ms/.test(location.hash));
  }));

test("a brush over time chooses a range that travels to other pages", () =>
  on("#/", {}, async (page) => {
    const box = await page.locator("svg[aria-label='Latency over time'] rect.over").boundingBox();
    assert.ok(box);
    await page.mouse.move(box.x + box.width * 0.25, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 40, { steps: 4 });
    await page.mouse.up();
    await page.waitForFunction(() => /from=\d+/.test(location.hash));
    assert.match(
      (await page.getByRole("link", { name: "SQL", exact: true }).getAttribute("href")) ?? "",
      /^#\/sql\?from=\d+&to=\d+$/,
    );
  }));

test("a place leads to its source, with what its lines cost in the request that one looks at", () =>
  on(`#/request?id=${ID}&tab=tree`, {}, async (page) => {
    await page.locator(".calltree").getByRole("link", { name: "shop/pages.py:30" }).click();
    await shows(page, /What line 35 of shop\/pages\.py calls takes 1\.30 s\..*times in request 8df77d88/);
    await shows(page, /35 1\.30 s 1× line_35\("<\/code><b>"\)/);
    assert.equal(await page.locator("#content b").filter({ hasText: "line_" }).count(), 0);
    assert.match(await page.locator(".source-file .chosen").innerText(), /line_30/);
  }));

test("a source whose costs could not be asked is shown, and says so", async () => {
  server.change({ request: () => new Failure(503, "The store is busy.") });
  await on(
    `#/source?file=shop%2Fpages.py&id=${ID}`,
    {},
    async (page) => {
      await shows(page, /line_35.*The store is busy/);
      assert.doesNotMatch(await page.locator("#content").innerText(), /not recorded/);
    },
    false,
  );
});

test("a profile from elsewhere is opened in the same views, and what is none is told", () =>
  on(
    "#/profiles",
    {},
    async (page) => {
      const input = page.getByLabel("Open or drop a profile");
      const file = (name: string, text: string) => ({
        name,
        mimeType: "application/octet-stream",
        buffer: Buffer.from(text),
      });
      await input.setInputFiles(file("<b>bad.prof", "no profile"));
      await shows(page, /<b>bad\.prof: byte 0: no profile/);
      await input.setInputFiles(file("<b>small.prof", "profile"));
      await shows(page, /<b>small\.prof is in no store/);
      await page.getByRole("tab", { name: "Table" }).click();
      await shows(page, /settings/);
      assert.equal(await page.locator("#content b").filter({ hasText: "bad" }).count(), 0);
      await page.getByRole("button", { name: "close it" }).click();
      await shows(page, /2\.11 s in one request/);
    },
    false,
  ));

test("a statement's plan: what is kept, and the database asked by POST with the token", () =>
  on("#/sql", {}, async (page) => {
    await page.locator(".statement summary").first().click();
    await page.getByRole("button", { name: "Explain" }).first().click();
    await shows(page, /No plan is kept of this statement\./);
    server.change({ plan: () => fixture.plan(true) });
    server.told.length = 0;
    await page.getByRole("button", { name: "Ask the database" }).click();
    await shows(page, /SCAN settings.*5,000.*CREATE INDEX settings_name ON settings \(name\).*Ask it again/);
    assert.deepEqual(server.told, [{ path: "plan", token: "t0ken", body: {} }]);
    assert.ok(server.asked.some((path) => /^plan\?.*id=4f2a91c3/.test(path)));
    assert.equal(await page.locator("#content img").count(), 0);
  }));

test("where no database can be asked the page says why, and what to type", async () => {
  const hint = "an application asks no database for the dashboard: hotplate serve does";
  server.change({ plan: () => ({ ...fixture.plan(false), may_ask: false, hint }) });
  await on("#/sql", {}, async (page) => {
    await page.locator(".statement summary").first().click();
    await page.getByRole("button", { name: "Explain" }).first().click();
    await shows(page, /asks no database for the dashboard.*hotplate explain 4f2a91c3 --dsn URL/);
    assert.equal(await page.getByRole("button", { name: "Ask the database" }).count(), 0);
  });
});

test("a finding is muted by POST with the token and a reason", () =>
  on("#/findings?id=e38793f4ef747120", {}, async (page) => {
    server.told.length = 0;
    await page.getByRole("button", { name: "Mute…" }).click();
    await page.getByLabel("Why it is muted").fill("known");
    await page.getByRole("button", { name: "Mute", exact: true }).click();
    await page.waitForTimeout(200);
    assert.deepEqual(server.told, [
      { path: "finding", token: "t0ken", body: { id: "e38793f4ef747120", muted: true, reason: "known" } },
    ]);
  }));

test("levels by route are written as lines and sent as they stand; what is wrong with them is told", () =>
  on(
    "#/settings",
    {},
    async (page) => {
      const rules = page.getByLabel("how deep routes are recorded");
      assert.equal(await rules.inputValue(), "count GET /health");
      server.told.length = 0;
      await rules.fill("count GET /health\nmonitor * over 500ms");
      await page.locator("form").filter({ has: rules }).getByRole("button", { name: "Save" }).click();
      await shows(page, /saved/);
      assert.deepEqual(server.told, [
        {
          path: "settings",
          token: "t0ken",
          body: { key: "levels", value: "count GET /health\nmonitor * over 500ms" },
        },
      ]);
    },
    false,
  ));

test("who may only read is offered nothing to change", async () => {
  const { token: _, ...rest } = fixture.META;
  server.change({ meta: () => ({ ...rest, role: "read" }) });
  await on("#/findings?id=e38793f4ef747120", {}, async (page) => {
    await shows(page, /Mending it saves/);
    assert.equal(await page.getByRole("button", { name: /Mute|fixed/ }).count(), 0);
  });
});

test("an empty store says the one command to type", async () => {
  const empty = {
    meta: () => ({
      ...fixture.META,
      revisions: [],
      labels: [],
      routes: [],
      levels: [],
      first: null,
      last: null,
      last_row: 0,
    }),
    overview: () => ({
      ...fixture.OVERVIEW,
      sentence: undefined,
      findings: [],
      routes: [],
      series: [],
      hours: [],
    }),
  };
  for (const hash of ["#/", "#/routes", "#/findings", "#/sql", "#/process"]) {
    server.change(empty);
    await on(hash, {}, (page) =>
      shows(page, /Nothing is recorded yet\..*hotplate run -- flask --app yourapp run/),
    );
  }
  server.change(empty);
  await on("#/settings", {}, (page) => shows(page, /1 setting is changed/));
});

test("a finding that is mended tells what it saved", () =>
  on("#/findings?id=1111111111111111", {}, (page) =>
    shows(page, /one INSERT into orders takes 90 ms fixed.*predicted to save 80\.0 ms and saved 77\.0 ms/),
  ));

test("what was not recorded says so and is no 0", async () => {
  const { time: _, slow: __, typical: ___, ...rest } = fixture.routeAnswer("GET /health", false);
  server.change({
    route: () => ({ ...rest, statements: [], route: { ...rest.route, sql_per_request: null } }),
    tree: () => ({ schema: 1, requests: 0, nodes: [], hint: "Level trace records call trees." }),
  });
  await on("#/route?route=GET+%2Fhealth&tree=1", {}, (page) =>
    shows(
      page,
      /split by kind was not recorded at this level.*Level trace records call trees\..*Statements were not recorded/,
    ),
  );
});

for (const [name, fragment, text] of [
  ["overview", "#/", /What to mend first/],
  ["request", `#/request?id=${ID}`, /slower than 96 %/],
  ["source", "#/source?file=shop%2Fpages.py", /line_35/],
] as const) {
  test(`${name}: a failure is told with what to do, and the page recovers`, async () => {
    server.change({ [name]: () => new Failure(503, "The question took over 2 s: ask for a shorter time.") });
    await on(
      fragment,
      {},
      async (page) => {
        await shows(page, /ask for a shorter time/);
        server.change({});
        await page.getByRole("button", { name: "Try again" }).click();
        await shows(page, text);
      },
      false,
    );
  });
}

test("new requests appear without a reload, and not while held", () =>
  on("#/", {}, async (page) => {
    await shows(page, /4,112 recorded/);
    server.change({
      meta: () => ({ ...fixture.META, last_row: 5000 }),
      overview: () => ({
        ...fixture.OVERVIEW,
        completeness: { ...fixture.OVERVIEW.completeness, recorded: 4200 },
      }),
    });
    await shows(page, /4,200 recorded/);
    await page.getByRole("button", { name: "live" }).click();
    assert.equal(await page.getByRole("button", { name: "held" }).getAttribute("aria-pressed"), "false");
  }));
