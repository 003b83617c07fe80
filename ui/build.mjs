/* build.mjs -- makes dist/page.html of page/, and dist/saved.html of dash/saved.tsx: one file each with style and script in it, allowed by their hashes
 * and nothing else; and dist/dash/ of dash/: the dashboard as files of their own, without anything inline; and, among them, toolbar/'s script.
 *
 *   node build.mjs            writes dist/
 *   node build.mjs --check    exit 1 if what is there is not what would be written
 *   node build.mjs --tests F  bundles tests/*.test.ts into folder F, for node --test
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));

function sha256(text) {
  return createHash("sha256").update(text).digest("base64");
}

const OPTIONS = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  write: false,
  outdir: "out",
  format: "esm",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
};

/* A page that is one file, of `entry` and the HTML beside or around it: name and text. */
async function page(name, entry, html) {
  const result = await build({ ...OPTIONS, entryPoints: [join(here, entry)] });
  const of = (ending) => result.outputFiles.find((file) => file.path.endsWith(ending)).text.trim();
  const script = of(".js");
  const style = of(".css");
  if (/<\/(script|style)|<!--/i.test(script + style)) throw new Error("the bundle would end its own element");
  const words = { SCRIPT: script, STYLE: style, SCRIPT_HASH: sha256(script), STYLE_HASH: sha256(style) };
  const text = readFileSync(join(here, html), "utf8").replace(/@([A-Z_]+)@/g, (_, word) => words[word]);
  return [[name, text]];
}

/* The dashboard: what only one page needs is a file of its own, loaded there. */
async function dashboard() {
  const result = await build({
    ...OPTIONS,
    entryPoints: { dashboard: join(here, "dash/main.tsx") },
    splitting: true,
    chunkNames: "[name]",
  });
  const files = result.outputFiles.map((file) => [`dash/${basename(file.path)}`, file.text]);
  const pages = ["index.html", "login.html"].map((name) => [
    `dash/${name}`,
    readFileSync(join(here, "dash", name), "utf8"),
  ]);
  return [...pages, ...files].sort(([a], [b]) => (a < b ? -1 : 1));
}

/* The toolbar: one classic script with its style in it, for pages that are not ours. */
async function toolbar() {
  const style = await build({ ...OPTIONS, entryPoints: [join(here, "toolbar/toolbar.css")] });
  const script = await build({
    ...OPTIONS,
    format: "iife",
    entryPoints: { toolbar: join(here, "toolbar/main.tsx") },
    define: { TOOLBAR_STYLE: JSON.stringify(style.outputFiles[0].text) },
  });
  return [["dash/toolbar.js", script.outputFiles[0].text]];
}

async function tests(folder) {
  const names = readdirSync(join(here, "tests")).filter((name) => /\.test\.tsx?$|^frames\.ts$/.test(name));
  await build({
    entryPoints: names.map((name) => join(here, "tests", name)),
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: ["node18"],
    external: ["playwright-core"],
    logLevel: "warning",
    jsx: "automatic",
    jsxImportSource: "preact",
  });
}

const dist = join(here, "dist");
const [mode, folder] = process.argv.slice(2);
if (mode === "--tests") {
  mkdirSync(folder, { recursive: true });
  await tests(folder);
} else {
  const files = [
    ...(await page("page.html", "page/main.tsx", "page/page.html")),
    ...(await page("saved.html", "dash/saved.tsx", "page/page.html")),
    ...(await dashboard()),
    ...(await toolbar()),
  ];
  if (mode !== "--check") {
    mkdirSync(join(dist, "dash"), { recursive: true });
    for (const name of readdirSync(join(dist, "dash"))) {
      if (!files.some(([file]) => file === `dash/${name}`)) rmSync(join(dist, "dash", name));
    }
    for (const [name, text] of files) {
      writeFileSync(join(dist, name), text);
      console.log(`dist/${name}: ${text.length} bytes, ${gzipSync(text).length} compressed`);
    }
  } else {
    const there = (name) => existsSync(join(dist, name)) && readFileSync(join(dist, name), "utf8");
    const stale = files.filter(([name, text]) => there(name) !== text).map(([name]) => name);
    if (stale.length > 0 || readdirSync(join(dist, "dash")).length !== files.length - 2) {
      console.error(`ui/dist is not what its sources make (${stale.join(", ")}): npm run --prefix ui build`);
      process.exit(1);
    }
  }
}
