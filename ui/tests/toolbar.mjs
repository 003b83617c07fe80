/* toolbar.mjs -- opens pages of an application in Debian's Chromium, works their toolbar and says what it shows; what tests/browser/test_toolbar_pages.py asks.
 *
 *   node toolbar.mjs <<< '{"base": "http://127.0.0.1:1", "steps": [{"path": "/page", "width": 390, "dark": true, "until": "text of the page",
 *                          "do": [["click", "name"], ["press", "button of the page"], ["key", "Alt+h"], ["wait", "text of the toolbar"], ["drag", 10, 10], ["shot", "file.png"], ["reload"], ["axe"]]}]}'
 *
 * Prints for each line a JSON list, an object a step: badge, panel (texts; null: not there), corner, links (href by name), page (its own text), timing (what Server-Timing told of
 * each thing asked for), outside (the element's own box), trouble (console, errors, violations of the policy, requests elsewhere).
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { launch } from "./chromium.mjs";

const WAIT_MS = 30_000;
const AXE = new URL("../node_modules/axe-core/axe.min.js", import.meta.url);
const browser = await launch();

const shadowText = (selector) =>
  (document.querySelector("hotplate-toolbar")?.shadowRoot.querySelector(selector)?.innerText ?? "").replace(
    /\s+/g,
    " ",
  );

async function act(page, [what, ...words], trouble) {
  const bar = page.locator("hotplate-toolbar");
  if (what === "click")
    await bar
      .getByRole(words[1] ?? "button", { name: words[0] })
      .first()
      .click();
  if (what === "press") await page.locator("body").getByRole("button", { name: words[0] }).click();
  if (what === "key") await page.keyboard.press(words[0]);
  if (what === "reload") await page.reload();
  if (what === "axe") {
    await page.evaluate(readFileSync(AXE, "utf8"));
    const { violations } = await page.evaluate(() =>
      window.axe.run("hotplate-toolbar", { resultTypes: ["violations"] }),
    );
    for (const each of violations) trouble.push(`axe: ${each.id} ${each.nodes[0]?.html}`);
  }
  if (what === "shot") await page.screenshot({ path: words[0] });
  if (what === "drag") {
    const box = await bar.locator(".badge").boundingBox();
    await page.mouse.move(box.x + 20, box.y + 10);
    await page.mouse.down();
    await page.mouse.move(words[0], words[1], { steps: 4 });
    await page.mouse.up();
  }
  if (what === "wait") {
    const holds = (wanted) =>
      (document.querySelector("hotplate-toolbar")?.shadowRoot.querySelector(".hotplate")?.innerText ?? "")
        .replace(/\s+/g, " ")
        .includes(wanted);
    await page
      .waitForFunction(holds, words[0], { timeout: WAIT_MS })
      .catch(() => trouble.push(`never said: ${words[0]}`));
  }
}

async function take(step, base) {
  const context = await browser.newContext({
    viewport: { width: step.width ?? 1280, height: step.height ?? 800 },
    colorScheme: step.dark ? "dark" : "light",
  });
  const page = await context.newPage();
  const trouble = [];
  page.on("console", (message) => trouble.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => trouble.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(base)) trouble.push(`request: ${request.url()}`);
  });
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) =>
      console.log(`policy: ${event.violatedDirective}`),
    );
  });
  await page.goto(base + step.path);
  if (step.until) await page.getByText(step.until, { exact: true }).waitFor({ timeout: WAIT_MS });
  for (const one of step.do ?? []) await act(page, one, trouble);
  const seen = await page.evaluate(() => {
    const host = document.querySelector("hotplate-toolbar");
    const root = host?.shadowRoot;
    const links = [...(root?.querySelectorAll("a") ?? [])].map((a) => [a.textContent, a.href]);
    const box = root?.querySelector(".panel")?.getBoundingClientRect();
    const entries = [
      ...performance.getEntriesByType("navigation"),
      ...performance.getEntriesByType("resource"),
    ];
    return {
      links,
      corner: root?.querySelector(".hotplate")?.className ?? null,
      inside:
        !box ||
        (box.left >= 0 && box.right <= window.innerWidth && box.top >= 0 && box.bottom <= window.innerHeight),
      wider: document.documentElement.scrollWidth - window.innerWidth,
      page: document.body.innerText.replace(/\s+/g, " "),
      timing: entries.map((e) => [
        new URL(e.name).pathname,
        e.serverTiming.map((t) => [t.name, t.duration, t.description]),
      ]),
    };
  });
  const badge = await page.evaluate(shadowText, ".badge");
  const panel = await page.evaluate(shadowText, ".panel");
  await context.close();
  return { ...seen, badge, panel, trouble };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { base, steps } = JSON.parse(line);
  const results = [];
  for (const step of steps) results.push(await take(step, base));
  process.stdout.write(`${JSON.stringify(results)}\n`);
}
await browser.close();
