/* walk.mjs -- walks pages in Debian's Chromium and says what they show; what tests/browser/test_dashboard.py asks.
 *
 *   node walk.mjs <<< '{"base": "http://127.0.0.1:1/", "steps": [{"hash": "#/", "width": 390, "dark": true, "keys": ["j"], "click": ["name of a button"], "wait": "text"}]}'
 *
 * With "axe": true a step also tells what axe-core calls a violation. With "token" beside them it first logs in at the page that asks for it. Prints for each line a JSON list, an object a step: text, title, hash, wider (px beyond the
 * window), links (addresses, without downloads), trouble (console, errors, requests elsewhere).
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { launch } from "./chromium.mjs";

const AXE = new URL("../node_modules/axe-core/axe.min.js", import.meta.url);

const WAIT_MS = 30_000;
const browser = await launch();

async function loggedIn(base, token) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(base);
  await page.getByLabel("Token").fill(token);
  await Promise.all([page.waitForURL(base), page.getByRole("button").click()]);
  const state = await context.storageState();
  await context.close();
  return state;
}

async function take(step, base, storageState) {
  const context = await browser.newContext({
    storageState,
    viewport: { width: step.width ?? 1280, height: 900 },
    colorScheme: step.dark ? "dark" : "light",
  });
  const page = await context.newPage();
  const trouble = [];
  page.on("console", (message) => trouble.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => trouble.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(base)) trouble.push(`request: ${request.url()}`);
  });
  await page.goto(base + step.hash);
  await page.waitForSelector("h1, .no-data, .wrong", { timeout: WAIT_MS });
  for (const key of step.keys ?? []) await page.keyboard.press(key);
  for (const name of step.click ?? []) await page.getByRole("button", { name, exact: true }).first().click();
  if (step.wait) {
    const holds = (wanted) => document.body.innerText.replace(/\s+/g, " ").includes(wanted);
    await page
      .waitForFunction(holds, step.wait, { timeout: WAIT_MS })
      .catch(() => trouble.push(`never said: ${step.wait}`));
  }
  if (step.axe) {
    await page.evaluate(readFileSync(AXE, "utf8"));
    const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
    trouble.push(
      ...violations.map((each) => `axe: ${each.id}: ${each.nodes.map((node) => node.html).join(" ")}`),
    );
  }
  const seen = await page.evaluate(() => ({
    text: document.body.innerText.replace(/\s+/g, " "),
    title: document.title,
    hash: location.hash,
    links: Array.from(document.links)
      .filter((link) => !link.hasAttribute("download"))
      .map((link) => link.href),
    wider: document.documentElement.scrollWidth - window.innerWidth,
  }));
  await context.close();
  return { ...seen, trouble };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { base, steps, token } = JSON.parse(line);
  const storageState = token ? await loggedIn(base, token) : undefined;
  const results = [];
  for (const step of steps) results.push(await take(step, base, storageState));
  process.stdout.write(`${JSON.stringify(results)}\n`);
}
await browser.close();
