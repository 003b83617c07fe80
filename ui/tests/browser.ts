/* browser.ts -- Debian's Chromium for the tests: pages from files, every request and every line on the console noted. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { pageOf, type TestProfile } from "./encode";

export { launch } from "./chromium.mjs";

export const UI = process.env.HOTPLATE_UI ?? join(process.cwd());

export interface Opened {
  page: Page;
  trouble: string[]; // console lines, errors, requests elsewhere
  close: () => Promise<void>;
}

export interface Options {
  fragment?: string;
  dark?: boolean;
  width?: number;
  height?: number;
}

/** Open a file and wait until its profile is shown. */
export async function openFile(browser: Browser, file: string, options: Options = {}): Promise<Opened> {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
    colorScheme: options.dark ? "dark" : "light",
    acceptDownloads: true,
  });
  const page = await context.newPage();
  const trouble: string[] = [];
  page.on("console", (message) => trouble.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => trouble.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(`file://${file}`)) {
      trouble.push(`request: ${request.url()}`);
    }
  });
  await page.goto(`file://${file}${options.fragment ?? ""}`);
  await page.waitForSelector("html[data-ready]");
  return { page, trouble, close: () => context.close() };
}

/** A folder for pages, gone at the end of the process. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "hotplate-ui-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function writePage(folder: string, name: string, profile: TestProfile): string {
  const file = join(folder, name);
  writeFileSync(file, pageOf(profile, join(UI, "dist/page.html")));
  return file;
}
