/* report.mjs -- reporter of node --test: a line for each failure and one at the end, and a JUnit file at $HP_JUNIT. */
import { writeFileSync } from "node:fs";

function markup(text) {
  return text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`).replace(/[^\t\n\r -\uFFFD]/g, "?");
}

export default async function* report(source) {
  const cases = [];
  let failures = 0;
  for await (const { type, data } of source) {
    // A file is reported like a test; it counts only if it broke as a whole.
    if (type === "test:stderr" || type === "test:stdout") yield data.message;
    if (type !== "test:pass" && type !== "test:fail") continue;
    const file = /\.test\.mjs$/.test(data.name);
    if (file && type === "test:pass") continue;
    const skipped = data.skip !== undefined;
    const error = type === "test:fail" ? data.details?.error : undefined;
    if (file && error?.failureType === "subtestsFailed") continue;
    const body = error
      ? `<failure>${markup(String(error.cause?.stack ?? error))}</failure>`
      : skipped
        ? "<skipped/>"
        : "";
    cases.push(
      `<testcase name="${markup(data.name)}" time="${(data.details?.duration_ms ?? 0) / 1000}">${body}</testcase>`,
    );
    if (error) {
      failures++;
      yield `FAIL  ${data.name}\n${String(error.cause?.stack ?? error)}\n`;
    }
  }
  yield `${cases.length - failures} passed, ${failures} failed\n`;
  if (process.env.HP_JUNIT) {
    writeFileSync(
      process.env.HP_JUNIT,
      `<?xml version="1.0"?>\n<testsuites><testsuite name="ui" tests="${cases.length}" failures="${failures}">\n${cases.join("\n")}\n</testsuite></testsuites>\n`,
    );
  }
}
