/* page.test.ts -- the page in Chromium: it shows what it should, obeys mouse and keyboard, saves, and asks nobody for anything. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { bigProfile } from "./big";
import { launch, type Opened, type Options, openFile, scratch, UI, writePage } from "./browser";
import { smallProfile, type TestProfile } from "./encode";

const VIEWS = ["Flame", "Icicle", "Sunburst", "Sandwich", "Table", "Call graph"];
const folder = scratch();
let browser: Browser;
let small = "";
let pairs = "";
let timed = "";

const PAIRS: TestProfile = {
  meta: { title: "x.prof", format: "pstats" },
  functions: [
    { name: "main", file: "/srv/m.py", line: 1, app: true },
    { name: "a", file: "/srv/m.py", line: 5, app: true },
    { name: "b", file: "/srv/m.py", line: 9, app: true },
    { name: "shared", file: "/usr/lib/python3.11/s.py", line: 2 },
  ],
  pairs: {
    own: [
      [1, 1, 10e6, 100e6],
      [2, 2, 20e6, 50e6],
      [1, 1, 10e6, 40e6],
      [5, 4, 60e6, 60e6],
    ],
    edges: [
      [0, 1, 2, 2, 20e6, 50e6],
      [0, 2, 1, 1, 10e6, 40e6],
      [1, 3, 3, 3, 30e6, 30e6],
      [2, 3, 2, 1, 30e6, 30e6],
    ],
  },
};

const TIMED: TestProfile = {
  meta: { title: "timed", unit: "samples", sampled: true, callsKnown: false },
  functions: [
    { name: "all", kind: 3 },
    { name: "f", app: true },
    { name: "g", app: true },
  ],
  nodes: [
    [0, 0, 0],
    [1, 1, 3],
    [2, 2, 4],
  ],
  samples: [
    [2, 2],
    [1, 3],
    [2, 2],
  ],
};

/* More callees side by side than a window is wide. */
const WIDE: TestProfile = {
  meta: { title: "wide.prof", format: "pstats" },
  functions: Array.from({ length: 21 }, (_, i) => ({
    name: i === 0 ? "main" : `part_${i}`,
    file: "/srv/m.py",
    line: i + 1,
    app: true,
  })),
  pairs: {
    own: Array.from({ length: 21 }, (_, i) => (i === 0 ? [1, 1, 0, 100e6] : [1, 1, 5e6, 5e6])),
    edges: Array.from({ length: 20 }, (_, i) => [0, i + 1, 1, 1, 5e6, 5e6]),
  },
};

/** What axe calls a violation. */
interface Violation {
  id: string;
  nodes: { html: string }[];
}

before(async () => {
  small = writePage(folder, "small.html", smallProfile());
  pairs = writePage(folder, "pairs.html", PAIRS);
  timed = writePage(folder, "timed.html", TIMED);
  browser = await launch();
});
after(() => browser?.close());

/** Run on a page; afterwards nothing may have been said on the console or asked for elsewhere. */
async function on(
  file: string,
  options: Options,
  act: (page: Page, opened: Opened) => Promise<void>,
): Promise<void> {
  const opened = await openFile(browser, file, options);
  try {
    await act(opened.page, opened);
    assert.deepEqual(opened.trouble, []);
  } finally {
    await opened.close();
  }
}

function state(page: Page): Promise<string> {
  return page.evaluate(() => location.hash);
}

/** Wait until the page has drawn what was asked for and nothing glides any more. */
async function calm(page: Page): Promise<void> {
  for (let i = 0; i < 2; i++) {
    await page.evaluate(
      () =>
        new Promise((done) => {
          setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 100);
        }),
    );
  }
}

/** Wait for a fragment: steps through the history come when the browser likes. */
async function reaches(page: Page, fragment: string): Promise<void> {
  await page.waitForFunction((wanted) => location.hash === wanted, fragment, { timeout: 10_000 });
  await calm(page);
}

/** Rows of the table behind the picture: level, function, place, total, share, itself. */
function behind(page: Page): Promise<string[][]> {
  return page
    .locator("table.behind tbody tr")
    .evaluateAll((rows) => rows.map((row) => Array.from(row.children, (cell) => cell.textContent ?? "")));
}

async function clickBox(page: Page, x: number, row: number): Promise<void> {
  // The flame graph's rows count from its foot.
  const box = await page.locator(".upper canvas").boundingBox();
  assert.ok(box);
  const rows = await page.locator(".upper .tall").evaluate((tall) => tall.clientHeight);
  await page.mouse.click(box.x + x * box.width, box.y + rows - row * 20 - 10);
  await calm(page);
}

test("it opens on a sentence with the answer", () =>
  on(small, {}, async (page) => {
    assert.equal(await page.title(), "GET /settings");
    assert.match(
      await page.locator("h1").innerText(),
      /^49\.0 ms in one request\. 61 % \(30\.0 ms\) is spent in <method 'recv' .*on behalf of settings \(shop\/views\.py:13\)\. Beside it 4 threads ran for 80\.0 ms\.$/,
    );
    await page.locator("h1 button", { hasText: "settings" }).click();
    assert.equal(await state(page), "#view=sandwich&fn=1");
  }));

test("every view shows the same figures", () =>
  on(small, {}, async (page) => {
    for (const view of VIEWS) {
      await page.getByRole("tab", { name: view, exact: true }).click();
      await calm(page);
      assert.equal(
        await page.getByRole("tab", { name: view, exact: true }).getAttribute("aria-selected"),
        "true",
      );
      if (view === "Call graph") {
        assert.equal(await page.locator(".node").count(), 7);
        assert.match(
          await page
            .locator(".node", { hasText: "Session.get" })
            .textContent()
            .then((text) => text ?? ""),
          /69 % · itself 1\.0 % · 3×/,
        );
      } else if (view === "Table") {
        const row = page.locator("tr", { has: page.locator("td.name", { hasText: /^c$/ }) });
        assert.deepEqual(await row.locator("td").allInnerTexts(), [
          "7.00 ms14 %",
          "7.00 ms14 %",
          "3",
          "2.33 ms",
          "c",
          "shop/work.py:9",
        ]);
      } else {
        const rows = await behind(page);
        assert.ok(
          rows.some((row) => row[1] === "settings"),
          view,
        );
        assert.ok(rows.length >= 1, view);
      }
    }
  }));

test("each box keeps its own path's time", () =>
  on(small, {}, async (page) => {
    assert.deepEqual(
      (await behind(page)).map((row) => [row[0], row[1], row[3]]),
      [
        ["1", "settings", "49.0 ms"],
        ["2", "Session.get", "34.0 ms"],
        ["3", "HTTPAdapter.send", "31.5 ms"],
        ["4", "<method 'recv' of '_socket.socket' objects>", "30.0 ms"],
        ["3", "c", "2.00 ms"],
        ["2", "a", "13.0 ms"],
        ["3", "b", "6.00 ms"],
        ["3", "c", "5.00 ms"],
      ],
    );
  }));

test("a click zooms, hover tells the numbers, Back and Escape undo", () =>
  on(small, {}, async (page) => {
    await clickBox(page, 0.3, 2);
    assert.equal(await state(page), "#fn=5&at=2");
    assert.match(await page.locator(".details").innerText(), /Session\.get\s+requests\/sessions\.py:600/);
    assert.match(await page.locator(".details").innerText(), /34\.0 ms 69 %/);
    const box = (await page.locator(".upper canvas").boundingBox())!;
    await page.mouse.move(box.x + 0.95 * box.width, box.y + 100 - 3 * 20 - 10);
    assert.match(
      (await page.locator(".tip").innerText()).replace(/\s+/g, " "),
      /HTTPAdapter.send|c shop\/work\.py:9 called in line 602 total 2\.00 ms/,
    );
    await page.keyboard.press("Escape");
    await reaches(page, "#fn=5");
    await page.goForward();
    await reaches(page, "#fn=5&at=2");
  }));

test("search shows the matched share and walks through the matches", () =>
  on(small, {}, async (page) => {
    await page.keyboard.press("/");
    await page.keyboard.type("work.py");
    assert.equal(await page.locator("search output").innerText(), "31 % matched");
    assert.equal(await state(page), "#q=work.py");
    await page.keyboard.press("Enter");
    assert.match(await page.locator(".details").innerText(), /shop\/work\.py/);
    await page.keyboard.press("Escape");
    await page.keyboard.press("n");
    await calm(page);
    assert.match(await state(page), /at=/);
    await page.locator("search input").fill("/(/");
    assert.equal(await page.locator("search output").innerText(), "no match");
  }));

test("keys choose views, turn, fold and move", () =>
  on(small, {}, async (page) => {
    for (const [key, view] of [
      ["i", "icicle"],
      ["u", "sunburst"],
      ["w", "sandwich"],
      ["t", "table"],
      ["g", "graph"],
    ]) {
      await page.keyboard.press(key);
      await reaches(page, `#view=${view}`);
    }
    await page.keyboard.press("f");
    await page.keyboard.press("r");
    await calm(page);
    assert.match(await state(page), /up=1/);
    assert.equal((await behind(page))[0][1], "<method 'recv' of '_socket.socket' objects>");
    await page.keyboard.press("r");
    await page.keyboard.press("l");
    await calm(page);
    assert.ok((await behind(page)).some((row) => row[1] === "requests …" && row[3] === "34.0 ms"));
    await page.keyboard.press("l");
    await page.locator(".upper canvas").focus();
    for (const key of ["ArrowUp", "ArrowUp", "ArrowRight", "Enter"]) await page.keyboard.press(key);
    await calm(page);
    assert.match(await state(page), /fn=2&at=6/);
    assert.match(await page.locator(".details").innerText(), /^a\s/);
    await page.keyboard.press("?");
    await page.locator("dialog").waitFor({ state: "visible" });
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
  }));

test("the table sorts, moves by keys and shows callers and callees", () =>
  on(small, { fragment: "#view=table" }, async (page) => {
    const first = () => page.locator(".list td.name").first().innerText();
    assert.match(await first(), /recv/);
    await page.getByRole("button", { name: "Total" }).click();
    assert.equal(await first(), "settings");
    assert.equal(await page.locator("th", { hasText: "Total" }).getAttribute("aria-sort"), "descending");
    await page.getByRole("button", { name: "Total" }).click();
    assert.equal(await first(), "b");
    await page.getByRole("button", { name: "Function" }).click();
    await page.locator(".list").focus();
    for (let i = 0; i < 6; i++) await page.keyboard.press("ArrowDown");
    assert.match(await state(page), /fn=4/);
    const around = (await page.locator(".around").innerText()).replace(/\s+/g, " ");
    assert.equal(
      around.trim(),
      "Called by 2 Total Calls Function 5.00 ms 2× a 2.00 ms 1× Session.get Calls nothing",
    );
    await page.locator(".around button", { hasText: "Session.get" }).click();
    assert.match(await page.locator(".details").innerText(), /Session\.get/);
  }));

test("a link opens what it says", () =>
  on(small, { fragment: "#view=icicle&up=1&q=work&fn=4&at=2" }, async (page) => {
    assert.equal(await page.locator("search input").inputValue(), "work");
    assert.equal(await page.getByRole("button", { name: "Bottom-up" }).getAttribute("aria-pressed"), "true");
    assert.match(await page.locator(".details").innerText(), /^c\s/);
  }));

test("threads are trees of their own", () =>
  on(small, {}, async (page) => {
    await page.getByLabel("Thread").selectOption({ index: 2 });
    await calm(page);
    assert.deepEqual(await behind(page), [["1", "b", "shop/work.py:5", "80.0 ms", "100 %", "80.0 ms"]]);
  }));

test("a file of pairs says that its stacks are estimated", () =>
  on(pairs, {}, async (page) => {
    assert.match(await page.locator(".warning").innerText(), /^Estimated/);
    assert.equal((await behind(page))[0][3], "about 100 ms");
    await page.keyboard.press("t");
    assert.equal(await page.locator(".warning").count(), 0);
    await page.locator("td.name", { hasText: "shared" }).click();
    assert.match(
      (await page.locator(".around").innerText()).replace(/\s+/g, " "),
      /Called by 2 Total Calls Function 30\.0 ms 3× a 30\.0 ms 2× b/,
    );
    assert.equal(
      await page.locator(".details a").getAttribute("href"),
      "vscode://file/usr/lib/python3.11/s.py:2",
    );
  }));

test("time order is offered where there is time, and only there", async () => {
  await on(timed, {}, async (page) => {
    assert.equal((await behind(page)).length, 2);
    await page.getByRole("button", { name: "Time order" }).click();
    await calm(page);
    assert.deepEqual(
      (await behind(page)).map((row) => [row[1], row[3]]),
      [
        ["f", "7"],
        ["g", "2"],
        ["g", "2"],
      ],
    );
    assert.match(await page.locator(".facts").innerText(), /sampled/);
    await page.keyboard.press("t");
    assert.equal(await page.locator("td.calls").first().innerText(), "not recorded");
  });
  await on(small, {}, async (page) =>
    assert.equal(await page.getByRole("button", { name: "Time order" }).count(), 0),
  );
});

test("pictures are saved as SVG and PNG, the table as CSV", () =>
  on(small, {}, async (page) => {
    const save = async (kind: string) => {
      const wait = page.waitForEvent("download");
      await page.getByRole("button", { name: kind, exact: true }).click();
      const download = await wait;
      return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
    };
    for (const [key, name] of [
      ["f", "flame"],
      ["i", "icicle"],
      ["u", "sunburst"],
      ["w", "icicle"],
      ["g", "graph"],
    ]) {
      await page.keyboard.press(key);
      await calm(page);
      const svg = await save("SVG");
      assert.equal(svg.name, `GET-settings.${name}.svg`);
      const text = svg.bytes.toString();
      assert.doesNotMatch(text, /<script|NaN|undefined/);
      assert.match(text, key === "w" ? /recv/ : /<title>settings shop\/views\.py:10/);
      const verdict = await page.evaluate((source) => {
        const parsed = new DOMParser().parseFromString(source, "image/svg+xml");
        return parsed.querySelector("parsererror")?.textContent ?? parsed.documentElement.tagName;
      }, text);
      assert.equal(verdict, "svg");
      const png = await save("PNG");
      assert.equal(png.bytes.subarray(1, 4).toString(), "PNG");
      assert.ok(png.bytes.length > 1000);
    }
    await page.keyboard.press("t");
    const csv = await save("CSV");
    assert.match(
      csv.bytes.toString(),
      /^self_ns,total_ns,calls,primitive_calls,function,file,line\n30000000,30000000,3,3,<method/,
    );
  }));

test("axe finds nothing that keeps people out, in any view, light and dark", async () => {
  const axe = readFileSync(join(UI, "node_modules/axe-core/axe.min.js"), "utf8");
  for (const dark of [false, true]) {
    await on(small, { dark }, async (page) => {
      for (const view of VIEWS) {
        await page.getByRole("tab", { name: view, exact: true }).click();
        await calm(page);
        await page.evaluate(axe);
        const found = await page.evaluate(async () => {
          const { violations } = await (
            window as unknown as { axe: { run: () => Promise<{ violations: Violation[] }> } }
          ).axe.run();
          return violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html).join(" ")}`);
        });
        assert.deepEqual(found, [], view);
      }
    });
  }
});

test("light and dark follow the system", async () => {
  const colour = (page: Page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const pixel = (page: Page) =>
    page.evaluate(() => {
      const canvas = document.querySelector("canvas") as HTMLCanvasElement;
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {
        willReadFrequently: true,
      })!;
      copy.drawImage(canvas, 0, 0);
      return Array.from(copy.getImageData(canvas.width - 2, canvas.height / 2, 1, 1).data);
    });
  await on(small, { dark: true, fragment: "#view=sunburst" }, async (page) => {
    await calm(page);
    assert.equal(await colour(page), "rgb(21, 23, 28)");
    assert.deepEqual(await pixel(page), [21, 23, 28, 255]);
    await page.emulateMedia({ colorScheme: "light" });
    await calm(page);
    assert.equal(await colour(page), "rgb(255, 255, 255)");
    assert.deepEqual(await pixel(page), [255, 255, 255, 255]);
  });
});

test("nothing is wider than a telephone", () =>
  on(small, { width: 390, height: 780 }, async (page) => {
    for (const view of VIEWS) {
      await page.getByRole("tab", { name: view, exact: true }).click();
      await calm(page);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 390, `${view}: ${width}`);
    }
  }));

test("a call graph wider than the window begins with its heaviest function in sight", async () => {
  const wide = writePage(folder, "wide.html", WIDE);
  for (const width of [390, 1280]) {
    await on(wide, { width, height: 780 }, async (page) => {
      await page.getByRole("tab", { name: "Call graph", exact: true }).click();
      await calm(page);
      const box = await page.locator(".graph .node", { hasText: "main" }).boundingBox();
      assert.ok(box && box.x >= 0 && box.x + box.width <= width, `${width}: ${JSON.stringify(box)}`);
    });
  }
});

test("hostile names are text", async () => {
  const evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>";
  const file = writePage(folder, "evil.html", {
    meta: { title: evil },
    functions: [
      { name: "r", kind: 3 },
      { name: evil, file: `"><svg onload=alert(3)>/${evil}.py`, line: 1, app: true },
    ],
    nodes: [
      [0, 0, 0],
      [1, 1, 1000, 1],
    ],
  });
  await on(file, {}, async (page) => {
    page.on("dialog", () => assert.fail("a name was run"));
    assert.equal(await page.title(), evil);
    for (const view of VIEWS) {
      await page.getByRole("tab", { name: view, exact: true }).click();
      await calm(page);
    }
    assert.equal(await page.locator("img, script:not([type])").count(), 0);
  });
});

test("nothing recorded and data cut short are said", async () => {
  const empty = writePage(folder, "empty.html", { functions: [{ name: "r", kind: 3 }], nodes: [[0, 0, 0]] });
  await on(empty, {}, async (page) => {
    assert.equal(await page.locator("h1").innerText(), "Nothing was recorded in this profile.");
    for (const view of VIEWS) await page.getByRole("tab", { name: view, exact: true }).click();
  });
  const cut = join(folder, "cut.html");
  writeFileSync(cut, readFileSync(small, "utf8").replace(/(id="payload"[^>]*>[^<]{60})[^<]*/, "$1"));
  await on(cut, {}, async (page) => {
    assert.match(await page.locator("#hotplate").innerText(), /^The profile cannot be shown: .+\.$/);
  });
});

test("a large profile is shown at once", async () => {
  const file = writePage(folder, "big.html", bigProfile(200_000, 5000));
  const began = performance.now();
  await on(file, {}, async (page) => {
    for (const view of VIEWS) await page.getByRole("tab", { name: view, exact: true }).click();
    assert.ok(performance.now() - began < 120_000);
  });
});

test("what the executable writes is shown as it is in the file", {
  skip: !process.env.HOTPLATE,
}, async () => {
  const prof = join(folder, "x.prof");
  const file = join(folder, "x.html");
  execFileSync("python3", [
    "-c",
    `import cProfile; cProfile.run("sorted(str(i) for i in range(2000))", ${JSON.stringify(prof)})`,
  ]);
  execFileSync(process.env.HOTPLATE!, ["open", prof, "-o", file, "--no-browser"]);
  const top = JSON.parse(execFileSync(process.env.HOTPLATE!, ["top", prof, "--json"]).toString());
  await on(file, { fragment: "#view=table" }, async (page) => {
    assert.equal(await page.title(), "x.prof");
    const names = await page.locator(".list td.name").allInnerTexts();
    assert.deepEqual(names.sort(), top.functions.map((row: { function: string }) => row.function).sort());
    const generator = page.locator("tr", { has: page.locator("td.name", { hasText: "<genexpr>" }) });
    assert.equal(await generator.locator("td.calls").innerText(), "2,001");
  });
});
