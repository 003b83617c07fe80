/* seen.ts -- which findings of a route are to be seen in one of its requests: their place is where it ran a statement, waited, called out or was. */
import type { Finding, Place, RequestAnswer } from "../api/types";

export function findingsOf(request: RequestAnswer, findings: Finding[]): Finding[] {
  const lines = new Set<string>();
  const functions = new Set<string>();
  const add = (rows: Place[] | null | undefined) => {
    for (const row of rows ?? []) {
      lines.add(`${row.file}:${row.line}`);
      functions.add(`${row.file} ${row.function}`);
    }
  };
  add(request.statements);
  add(request.waits);
  add(request.calls);
  add(request.templates);
  add(request.timeline?.lanes);
  add(request.nodes);
  return findings.filter(
    (finding) =>
      finding.requests_example?.includes(request.id) ||
      lines.has(`${finding.file}:${finding.line}`) ||
      functions.has(`${finding.file} ${finding.function}`),
  );
}
