/* sql.tsx -- all statements: which take the time, from where, for which route. */
import type { SqlAnswer, StatementRow } from "../api/types";
import { showCount, showMs, showPortion, showShare } from "../model/show";
import { question } from "../model/where";
import { Absent, Answer, Answered, Bar, Code, Copy, Empty, Ms, SqlLine } from "./parts";
import { PlanOf } from "./plan";
import { Pager } from "./requests";
import { type Column, Rows } from "./rows";
import { useAsk, useWhere } from "./use";

const LIMIT = 100;

export function Sql() {
  const { where, scope, set } = useWhere();
  const { sort = "", text = "", route = "", offset = "" } = where.words;
  const asked = useAsk<SqlAnswer>(
    question("sql", { ...scope, sort, text, route, limit: String(LIMIT), offset }),
  );
  return (
    <>
      <search class="filters">
        <input
          type="search"
          class="find"
          placeholder="Part of a statement  /"
          aria-label="Part of a statement"
          value={text}
          onInput={(event) => set({ text: event.currentTarget.value, offset: "" }, true)}
        />
        {route !== "" && (
          <span>
            of {route}{" "}
            <button
              type="button"
              class="link"
              data-key="Escape"
              onClick={() => set({ route: "", offset: "" })}
            >
              of all routes
            </button>
          </span>
        )}
      </search>
      <Answered asked={asked}>{(data) => <List data={data} />}</Answered>
    </>
  );
}

/** "SELECT settings": what a statement is about, in a word or two. */
export function shortStatement(text: string): string {
  const verb = /^\s*([A-Za-z]+)/.exec(text)?.[1]?.toUpperCase() ?? "statement";
  const table = /\b(?:FROM|INTO|UPDATE|JOIN|TABLE)\s+["`[]?([\w.]+)/i.exec(text)?.[1];
  return table ? `${verb} ${table}` : verb;
}

function List({ data }: { data: SqlAnswer }) {
  const { link, where, scope } = useWhere();
  if (data.statements.length === 0) {
    return (
      <Empty>
        {where.words.text
          ? "No statement contains this text."
          : "No statement was recorded in this selection."}
      </Empty>
    );
  }
  const first = [...data.statements].sort((a, b) => b.total_ms - a.total_ms)[0];
  const most = first.total_ms;
  const columns: Column<StatementRow>[] = [
    {
      key: "statement",
      title: "Statement",
      narrow: true,
      wide: true,
      cell: (row) => (
        <>
          <Code place={row} name bare />
          <details class="statement">
            <summary>
              <SqlLine text={row.statement} />
            </summary>
            <p>
              <code class="sql full">{row.statement}</code> <Copy text={row.statement} what="the statement" />
            </p>
            {row.id && <PlanOf words={{ ...scope, id: row.id, route: row.route ?? "" }} />}
          </details>
        </>
      ),
    },
    {
      key: "route",
      title: "Route",
      cell: (row) => (row.route ? <a href={link("route", { route: row.route })}>{row.route}</a> : ""),
    },
    {
      key: "calls",
      title: "Times",
      number: true,
      order: "calls",
      cell: (row) => showCount(row.executions ?? 0),
    },
    {
      key: "per",
      title: "A request",
      number: true,
      cell: (row) =>
        typeof row.per_request === "number" ? (
          <span class={row.per_request >= 5 ? "bad" : ""}>{Number(row.per_request.toPrecision(3))}×</span>
        ) : (
          <Absent />
        ),
    },
    { key: "mean", title: "Mean", number: true, order: "mean", cell: (row) => <Ms ms={row.mean_ms} /> },
    {
      key: "p95",
      title: "p95",
      about: "of single executions in a sample of requests",
      number: true,
      order: "p95",
      cell: (row) =>
        typeof row.p95_ms === "number" ? (
          <span title={`of ${showCount(row.p95_of ?? 0)} executions`}>{showMs(row.p95_ms)}</span>
        ) : (
          <Absent />
        ),
    },
    { key: "max", title: "Slowest", number: true, order: "max", cell: (row) => <Ms ms={row.max_ms} /> },
    {
      key: "rows",
      title: "Rows",
      number: true,
      order: "rows",
      cell: (row) => (typeof row.rows === "number" ? showCount(row.rows) : <Absent />),
    },
    {
      key: "errors",
      title: "Failed",
      number: true,
      order: "errors",
      cell: (row) => <span class={row.errors ? "bad" : "pale"}>{showCount(row.errors ?? 0)}</span>,
    },
    {
      key: "total",
      title: "Total",
      number: true,
      narrow: true,
      order: "total",
      cell: (row) => (
        <span class="amount">
          <Ms ms={row.total_ms} />
          <Bar share={most > 0 ? row.total_ms / most : 0} kind="sql" />
        </span>
      ),
    },
  ];
  return (
    <>
      <Answer>
        {showCount(data.total)} {data.total === 1 ? "statement" : "statements"} took {showMs(data.total_ms)}{" "}
        in all{data.statements_portion && <> ({showPortion(data.statements_portion)})</>}.{" "}
        {data.total_ms > 0 && (
          <>
            {showShare(first.total_ms, data.total_ms)} is {shortStatement(first.statement)}
            {first.file && (
              <>
                {" "}
                at {first.file}:{first.line}
              </>
            )}
            {(first.per_request ?? 0) >= 2 && (
              <>, {Number((first.per_request ?? 0).toPrecision(3))} times a request</>
            )}
            .
          </>
        )}
      </Answer>
      <Rows
        caption="Statements"
        columns={columns}
        rows={data.statements}
        id={(row) => `${row.fingerprint ?? row.statement} ${row.route} ${row.file}:${row.line}`}
        sort="total"
      />
      <Pager total={data.total} offset={Number(where.words.offset ?? 0) || 0} limit={LIMIT} />
    </>
  );
}
