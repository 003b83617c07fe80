/* speedscope.test.ts -- what the executable writes, read by speedscope's own importer (its npm package, in Chromium): the same functions with the same figures. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch, scratch, UI } from "./browser";

const HOTPLATE = process.env.HOTPLATE ?? "";
const GOLDEN = join(UI, "../tests/golden/format");
const SPEEDSCOPE = join(UI, "node_modules/speedscope/dist/release/index.html");
const UNITS: Record<string, number> = {
  nanoseconds: 1e-9,
  microseconds: 1e-6,
  milliseconds: 1e-3,
  seconds: 1,
};
const folder = scratch();
let browser: Browser;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());

interface Event {
  type: "O" | "C";
  frame: number;
  at: number;
}

interface Exported {
  exporter: string;
  shared: { frames: { name: string }[] };
  profiles: { type: string; unit: string; events: Event[] }[];
}

/** What speedscope makes of a file, as it exports it again. */
async function imported(file: string): Promise<Exported> {
  const context = await browser.newContext({ acceptDownloads: true });
  const page = await context.newPage();
  const script = join(folder, `${basename(file)}.js`);
  const bytes = readFileSync(file).toString("base64");
  writeFileSync(script, `speedscope.loadFileFromBase64(${JSON.stringify(basename(file))}, "${bytes}")`);
  try {
    await page.goto(`file://${SPEEDSCOPE}#localProfilePath=${script}`);
    await page.getByText("Sandwich").click();
    const wait = page.waitForEvent("download", { timeout: 20_000 });
    await page.getByText("Export").click();
    return JSON.parse(readFileSync(await (await wait).path(), "utf8"));
  } finally {
    await context.close();
  }
}

/** Own value of each function, in seconds where the unit is a time. */
function ownValues(exported: Exported): Map<string, number> {
  const own = new Map<string, number>();
  for (const profile of exported.profiles) {
    const stack: number[] = [];
    let at = 0;
    for (const event of profile.events) {
      const top = stack.at(-1);
      if (top !== undefined) {
        const name = exported.shared.frames[top].name;
        own.set(name, (own.get(name) ?? 0) + (event.at - at) * (UNITS[profile.unit] ?? 1));
      }
      at = event.at;
      if (event.type === "O") stack.push(event.frame);
      else stack.pop();
    }
  }
  return own;
}

function check(source: string, ending: string, scale: number): () => Promise<void> {
  return async () => {
    const file = join(folder, `${source}.${ending}`);
    execFileSync(HOTPLATE, ["convert", join(GOLDEN, source), "-o", file]);
    const answer = JSON.parse(execFileSync(HOTPLATE, ["top", join(GOLDEN, source), "--json"]).toString());
    const exported = await imported(file);
    assert.match(exported.exporter, /^speedscope@1\.25\.0$/);
    const ours = new Map<string, number>();
    for (const row of answer.functions) {
      ours.set(row.function, (ours.get(row.function) ?? 0) + (row.self_s ?? row.self));
    }
    const theirs = ownValues(exported);
    for (const [name, value] of ours) {
      const found = [...theirs].filter(([key]) => key === name || key.startsWith(`${name} (`));
      const sum = found.reduce((all, [, each]) => all + each, 0) * scale;
      assert.ok(Math.abs(sum - value) < 1e-5, `${name}: ${sum} instead of ${value}`);
    }
    assert.ok(ours.size > 1);
  };
}

for (const [source, ending, scale] of [
  ["py-spy.folded", "speedscope.json", 1],
  ["py-spy.folded", "pb.gz", 1],
  ["py-spy.speedscope.json", "trace.json", 1],
  ["py-spy.speedscope.json", "folded", 1e-6],
  ["austin.mojo", "speedscope.json", 1],
] as const) {
  test(`speedscope reads ${source} as ${ending}`, { skip: HOTPLATE === "" }, check(source, ending, scale));
}
