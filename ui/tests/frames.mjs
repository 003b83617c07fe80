/* frames.mjs -- bench: script time a frame while a flame graph of 200,000 nodes is zoomed, panned and searched in headless Chromium.
 *
 *   node ui/tests/frames.mjs PAGE.html [FRAMES]
 */
import { chromium } from "playwright-core";

const [file, frames = "300"] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
await page.goto(`file://${file}`);
await page.waitForSelector("html[data-ready='1']");
const box = await page.locator(".upper canvas").boundingBox();
await page.evaluate(() => performance.clearMeasures());
for (let i = 0; i < Number(frames); i++) {
  const x = box.x + box.width * (0.1 + (0.8 * ((i * 37) % 100)) / 100);
  await page.mouse.move(x, box.y + box.height * 0.7);
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, i % 20 < 10 ? -60 : 60);
  await page.keyboard.up("Control");
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}
const times = await page.evaluate(() =>
  performance
    .getEntriesByName("hotplate-frame")
    .map((entry) => entry.duration)
    .sort((a, b) => a - b),
);
await browser.close();
const at = (share) => times[Math.min(Math.floor(times.length * share), times.length - 1)].toFixed(2);
console.log(
  `${times.length} frames: script p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, most ${at(1)} ms (budget: p95 16 ms)`,
);
if (Number(at(0.95)) > 16) process.exit(1);
