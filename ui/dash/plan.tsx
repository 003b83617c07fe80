/* plan.tsx -- the plan of a statement: what is kept of it, and a button that asks its database. */
import { useState } from "preact/hooks";
import { ApiError, tell } from "../api/client";
import type { Plan, PlanAdvice, PlanAnswer, PlanNode } from "../api/types";
import { showCount, showMoment, showShare } from "../model/show";
import { question, type Words } from "../model/where";
import { Answered, Command, Copy, Empty } from "./parts";
import { useAsk, useLive } from "./use";

/** A button; once pressed, the plan of the statement that `words` name (docs/formats/api.md). */
export function PlanOf({ words }: { words: Words }) {
  const [open, setOpen] = useState(false);
  if (open) return <Kept words={words} />;
  return (
    <p>
      <button type="button" class="toggle" onClick={() => setOpen(true)}>
        Explain
      </button>
    </p>
  );
}

function Kept({ words }: { words: Words }) {
  const asked = useAsk<PlanAnswer>(question("plan", words));
  return <Answered asked={asked}>{(data) => <Told data={data} words={words} />}</Answered>;
}

function Told({ data, words }: { data: PlanAnswer; words: Words }) {
  const { meta, bump } = useLive();
  const [said, setSaid] = useState("");
  const [busy, setBusy] = useState(false);
  const press = () => {
    setBusy(true);
    setSaid("");
    tell(question("plan", words), meta?.token ?? "", {}).then(
      () => {
        setBusy(false);
        bump();
      },
      (error) => {
        setBusy(false);
        setSaid(error instanceof ApiError ? error.message : String(error));
      },
    );
  };
  return (
    <div class="plan">
      {data.plan ? (
        <Shown plan={data.plan} advice={data.advice ?? []} />
      ) : (
        <Empty>{data.why_not ? `No plan: ${data.why_not}.` : "No plan is kept of this statement."}</Empty>
      )}
      <p>
        {data.at !== undefined && <span class="pale">Asked {showMoment(data.at)}. </span>}
        {data.may_ask ? (
          <button type="button" disabled={busy} onClick={press}>
            {busy ? "asking…" : data.at === undefined ? "Ask the database" : "Ask it again"}
          </button>
        ) : (
          <span class="pale">
            Nobody is asked from here: {data.hint}. In a terminal:{" "}
            <Command>{`hotplate explain ${words.id} --dsn URL`}</Command>
          </span>
        )}{" "}
        <output class="bad">{said}</output>
      </p>
    </div>
  );
}

function depths(nodes: PlanNode[]): number[] {
  const list: number[] = [];
  for (const node of nodes) list.push(node.parent < 0 ? 0 : (list[node.parent] ?? 0) + 1);
  return list;
}

/* "whole table, repeated, where …" */
function how(node: PlanNode): string {
  return [
    node.access === "scan" ? "whole table" : (node.access ?? ""),
    node.auto_index ? "indexed for this execution" : "",
    node.repeated ? "repeated" : "",
    node.filter ? `where ${node.filter}` : "",
  ]
    .filter(Boolean)
    .join(", ");
}

function count(value: number | undefined): string {
  return value === undefined ? "" : showCount(Math.round(value));
}

function Shown({ plan, advice }: { plan: Plan; advice: PlanAdvice[] }) {
  const depth = depths(plan.nodes);
  const wrong = new Set(advice.map((one) => one.node));
  return (
    <>
      <p class="pale">
        {plan.engine} {plan.version}, {plan.analyzed ? "it was run: rows as they were" : "estimates"}
        {plan.examples && ", example values stand for its parameters"}
      </p>
      <div class="rows">
        <table>
          <caption class="unseen">Plan</caption>
          <thead>
            <tr>
              <th scope="col">Operation</th>
              <th scope="col">Index</th>
              <th scope="col" class="num">
                Rows read
              </th>
              <th scope="col" class="num extra">
                Rows out
              </th>
            </tr>
          </thead>
          <tbody>
            {plan.nodes.map((node, at) => (
              <tr key={at}>
                <td class="wide">
                  <span class="pale">{"· ".repeat(depth[at] ?? 0)}</span>
                  <span class={wrong.has(at) ? "bad" : ""}>
                    {node.operation} {node.table}
                    {node.alias && node.alias !== node.table ? ` ${node.alias}` : ""}
                  </span>
                  <div class="pale">{how(node)}</div>
                </td>
                <td class="mono">{node.index ?? <span class="pale">none</span>}</td>
                <td class="num">{count(node.scanned_actual ?? node.scanned)}</td>
                <td class="num extra">{count(node.out_actual ?? node.out)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {advice.length === 0 && <p>Nothing is wrong with it that Hotplate knows of.</p>}
      <ul class="hints">
        {advice.map((one) => (
          <li key={`${one.node} ${one.text}`}>
            {one.text}
            {one.index && (
              <>
                <br />
                <code class="sql full">{one.index}</code> <Copy text={one.index} what="the index" />
                {one.rows_now !== undefined && one.rows_then !== undefined && (
                  <span class="pale">
                    {" "}
                    leaves {showShare(one.rows_then, one.rows_now)} of the rows to read
                  </span>
                )}
              </>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}
