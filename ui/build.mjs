/* build.mjs -- makes dist/page.html of page/: one file with style and script in it, allowed by their hashes and nothing else.
 *
 *   node build.mjs            writes dist/page.html
 *   node build.mjs --check    exit 1 if what is there is not what would be written
 *   node build.mjs --tests F  bundles tests/*.test.ts into folder F, for node --test
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));

function sha256(text) {
  return createHash("sha256").update(text).digest("base64");
}

async function page() {
  const result = await build({
    entryPoints: [join(here, "page/main.tsx")],
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
  });
  const of = (ending) => result.outputFiles.find((file) => file.path.endsWith(ending)).text.trim();
  const script = of(".js");
  const style = of(".css");
  if (/<\/(script|style)|<!--/i.test(script + style)) throw new Error("the bundle would end its own element");
  const words = { SCRIPT: script, STYLE: style, SCRIPT_HASH: sha256(script), STYLE_HASH: sha256(style) };
  return readFileSync(join(here, "page/page.html"), "utf8").replace(/@([A-Z_]+)@/g, (_, word) => words[word]);
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

const target = join(here, "dist/page.html");
const [mode, folder] = process.argv.slice(2);
if (mode === "--tests") {
  mkdirSync(folder, { recursive: true });
  await tests(folder);
} else {
  const text = await page();
  if (mode !== "--check") {
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
    console.log(`dist/page.html: ${text.length} bytes`);
  } else if (!existsSync(target) || readFileSync(target, "utf8") !== text) {
    console.error("ui/dist/page.html is not what its sources make: npm run --prefix ui build");
    process.exit(1);
  }
}
