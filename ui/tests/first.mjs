/* first.mjs -- what somebody does in a browser who has just installed Hotplate: opens the slow page, opens the printed link, reads the worst finding; what
 * tests/browser/test_first_time.py asks.
 *
 *   node first.mjs <<< '{"page": "http://127.0.0.1:1/", "dashboard": "http://127.0.0.1:2/", "pictures": "folder"}'
 *
 * Prints an object: clicks (links followed, the addresses among them), overview and finding (their texts), trouble (console, errors). Takes a picture of
 * either into the folder.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./chromium.mjs";

const WAIT_MS = 30_000;
const { page: slow, dashboard, pictures } = JSON.parse(readFileSync(0, "utf8"));
const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1080, height: 640 } });
const page = await context.newPage();
const trouble = [];
const clicks = [];
page.on("console", (message) => trouble.push(`console: ${message.text()}`));
page.on("pageerror", (error) => trouble.push(`error: ${error.message}`));

async function open(address) {
  clicks.push(address);
  await page.goto(address);
}

async function click(locator) {
  clicks.push(await locator.innerText());
  await locator.click();
}

async function shown(name, height) {
  await page.screenshot({ path: join(pictures, `${name}.png`), clip: { x: 0, y: 0, width: 1080, height } });
  return page.evaluate(() => document.body.innerText.replace(/\s+/g, " "));
}

await open(slow);
await open(dashboard);
const worst = page.locator(".findings .what a").first();
await worst.waitFor({ timeout: WAIT_MS });
const overview = await shown("start-overview", 560);
await click(worst);
await page.locator(".advice").waitFor({ timeout: WAIT_MS });
const finding = await shown("start-finding", 560);
await browser.close();
process.stdout.write(JSON.stringify({ clicks, overview, finding, trouble }));
