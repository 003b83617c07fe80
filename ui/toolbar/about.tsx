/* about.tsx -- one request in a few lines: of what its time was made, what is wrong with it, its dearest statements. The dashboard has the rest. */
import { useEffect, useState } from "preact/hooks";
import type { Finding, Place, StatementRow } from "../api/types";
import { splitRequest } from "../model/kinds";
import { showMs } from "../model/show";
import { Legend, Split } from "../views/split";
import type { Dashboard, Known } from "./ask";

const STATEMENTS = 5;

export function About({ id, dashboard }: { id: string; dashboard: Dashboard }) {
  const [known, setKnown] = useState<Known | null | undefined>(undefined);
  useEffect(() => {
    let over = false;
    dashboard.about(id).then((found) => {
      if (!over) setKnown(found);
    });
    return () => {
      over = true;
    };
  }, [id, dashboard]);
  if (known === undefined) return <p class="pale">Waiting until it is stored …</p>;
  if (known === null) return <p class="pale">The dashboard does not know this request.</p>;
  const { request, findings } = known;
  const parts = splitRequest(request);
  return (
    <div class="about">
      <p class="sentence">
        {request.route} took {showMs(request.duration_ms)}
        {findings.length === 0 && ", and nothing is known to be wrong with it"}.
      </p>
      {findings.map((finding) => (
        <Found key={finding.id} finding={finding} />
      ))}
      {parts && parts.length > 0 && (
        <>
          <Split parts={parts} of={request.wall_ms} />
          <Legend parts={parts} whole={request.wall_ms ?? request.duration_ms} />
        </>
      )}
      <Statements rows={request.statements} />
    </div>
  );
}

function placeOf({ file, line }: Place): string {
  return file ? `${file}:${line}` : "";
}

function Found({ finding }: { finding: Finding }) {
  const saving = finding.predicted_saving_ms;
  return (
    <p class={`finding ${(finding.share ?? 0) >= 0.3 ? "bad" : "odd"}`}>
      <b>{finding.title}</b> <code>{placeOf(finding)}</code>
      {typeof saving === "number" && (
        <>
          {" "}
          mending it saves about {showMs(saving)} of the route's {finding.basis ?? "median"}
        </>
      )}
    </p>
  );
}

function Statements({ rows }: { rows: StatementRow[] | undefined }) {
  const dearest = [...(rows ?? [])].sort((a, b) => b.total_ms - a.total_ms).slice(0, STATEMENTS);
  if (dearest.length === 0) return null;
  return (
    <table class="statements">
      <tbody>
        {dearest.map((row) => (
          <tr key={`${row.statement} ${placeOf(row)}`}>
            <td class="number">{showMs(row.total_ms)}</td>
            <td class="number">{row.count ?? row.executions ?? 1} ×</td>
            <td>
              <code title={row.statement}>{row.statement}</code>
              <span class="pale">{placeOf(row)}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
