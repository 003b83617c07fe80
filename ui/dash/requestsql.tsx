/* requestsql.tsx -- the statements of one request, in order or grouped, and what its connections took beside them. */
import { useMemo } from "preact/hooks";
import type { Built, Connection, RequestAnswer, StatementRow } from "../api/types";
import { showCount } from "../model/show";
import { type Run, runsOf } from "../model/statements";
import { Absent, Code, Copy, Empty, Ms, NOT_RECORDED, Section, SqlLine } from "./parts";
import { PlanOf } from "./plan";
import { amounts, type Column, counts, Rows, times } from "./rows";
import { useWhere } from "./use";

function sourceOf(data: RequestAnswer, place: { file?: string | null; line?: number | null }): string {
  return data.sources?.[`${place.file}:${place.line}`] ?? "";
}

/** How many statements ran, and how long. */
export function sqlOf(data: RequestAnswer): { count: number | undefined; ms: number | undefined } {
  const rows = data.statements ?? [];
  if (rows.length === 0) return { count: data.sql_count ?? undefined, ms: data.sql_ms ?? undefined };
  return {
    count: rows.reduce((sum, row) => sum + (row.count ?? 0), 0),
    ms: rows.reduce((sum, row) => sum + row.total_ms, 0),
  };
}

export function Sql({ data }: { data: RequestAnswer }) {
  const { where, set } = useWhere();
  const grouped = where.words.sql === "grouped";
  const statements = data.statements ?? [];
  if (statements.length === 0) {
    return (
      <Empty>
        {typeof data.sql_count === "number" ? "No statement ran." : `Statements were ${NOT_RECORDED}.`}
      </Empty>
    );
  }
  const sql = sqlOf(data);
  const repeats = (data.executions ?? []).filter((run) => (run.repeat ?? 0) > 0).length;
  return (
    <>
      <p class="choices">
        <button type="button" class="toggle" aria-pressed={!grouped} onClick={() => set({ sql: "" })}>
          In order
        </button>
        <button type="button" class="toggle" aria-pressed={grouped} onClick={() => set({ sql: "grouped" })}>
          Grouped
        </button>
        <span class="pale">
          {showCount(sql.count ?? 0)} statements, <Ms ms={sql.ms} />
          {repeats > 0 &&
            `; ${showCount(repeats)} of them ran before in this request with the same parameters`}
        </span>
      </p>
      {grouped ? <Grouped data={data} rows={statements} /> : <InOrder data={data} />}
      <BuiltFromRows data={data} />
      <Connections rows={data.connections ?? []} />
    </>
  );
}

function Grouped({ data, rows }: { data: RequestAnswer; rows: StatementRow[] }) {
  const columns: Column<StatementRow>[] = [
    amounts(
      "total",
      "Total",
      rows,
      (row) => row.total_ms,
      () => "sql",
    ),
    {
      key: "count",
      title: "Times",
      number: true,
      narrow: true,
      value: (row) => row.count,
      cell: (row) => <span class={(row.count ?? 0) >= 5 ? "bad" : ""}>{showCount(row.count ?? 0)}×</span>,
    },
    times("max", "Slowest", (row) => row.max_ms),
    counts("rows", "Rows", (row) => row.rows),
    {
      key: "statement",
      title: "Statement",
      narrow: true,
      wide: true,
      cell: (row) => <StatementCell data={data} row={row} statement={row.id} />,
    },
  ];
  return (
    <Rows
      caption="Statements, grouped"
      columns={columns}
      rows={rows}
      id={(row) => `${row.statement} ${row.file}:${row.line} ${row.via}`}
      word="ssort"
      sort="total"
    />
  );
}

interface CellProps {
  data: RequestAnswer;
  row: StatementRow | Run["first"];
  statement: string | undefined; // its id
}

function StatementCell({ data, row, statement }: CellProps) {
  return (
    <>
      <Code place={row} source={sourceOf(data, row)} name />
      <details class="statement">
        <summary>
          <SqlLine text={row.statement} />
        </summary>
        <p>
          <code class="sql full">{row.statement}</code> <Copy text={row.statement} what="the statement" />
        </p>
        {statement && <PlanOf words={{ id: statement, request: data.id }} />}
      </details>
    </>
  );
}

const RUNS_MOST = 500;

function InOrder({ data }: { data: RequestAnswer }) {
  const { where, set } = useWhere();
  const unfolded = where.words.each === "1";
  const runs = useMemo(() => runsOf(data.executions ?? [], !unfolded), [data, unfolded]);
  if (runs.length === 0) return <Empty>Single executions were {NOT_RECORDED}.</Empty>;
  const folded = runs.some((run) => run.count > 1);
  const columns: Column<Run>[] = [
    { key: "at", title: "At", number: true, cell: (run) => <Ms ms={run.first.at_ms} /> },
    {
      key: "times",
      title: "Times",
      number: true,
      narrow: true,
      cell: (run) => (
        <>
          {run.count > 1 && <span class="bad">{showCount(run.count)}×</span>}
          {run.duplicates > 0 && (
            <span class="mark-again" title="ran before in this request with the same parameters">
              {run.count > 1 ? `${run.duplicates} again` : "again"}
            </span>
          )}
        </>
      ),
    },
    { key: "took", title: "Took", number: true, narrow: true, cell: (run) => <Ms ms={run.ms} /> },
    {
      key: "rows",
      title: "Rows",
      number: true,
      cell: (run) => (run.rows === null ? <Absent /> : showCount(run.rows)),
    },
    {
      key: "statement",
      title: "Statement",
      narrow: true,
      wide: true,
      cell: (run) => (
        <>
          <StatementCell
            data={data}
            row={run.first}
            statement={data.statements?.[run.first.group ?? -1]?.id}
          />
          {run.failed && <b class="bad"> failed</b>}
        </>
      ),
    },
  ];
  return (
    <>
      {(folded || unfolded) && (
        <p>
          <button type="button" class="link" onClick={() => set({ each: unfolded ? "" : "1" })}>
            {unfolded ? "The same one again and again as one row" : "Every execution on its own row"}
          </button>
        </p>
      )}
      <Rows
        caption="Statements in order"
        columns={columns}
        rows={runs.slice(0, RUNS_MOST)}
        id={(run) => `${run.first.at_ms} ${run.first.lane} ${run.first.statement.slice(0, 40)}`}
        word="osort"
      />
      {runs.length > RUNS_MOST && (
        <p class="pale">
          The first {RUNS_MOST} of {showCount(runs.length)} rows.
        </p>
      )}
    </>
  );
}

/* What a library made of the rows, beside what the database took for them. */
function BuiltFromRows({ data }: { data: RequestAnswer }) {
  const rows = data.built ?? [];
  if (rows.length === 0) return null;
  const columns: Column<Built>[] = [
    times("building", "Building", (row) => row.building_ms),
    times("database", "Database", (row) => row.database_ms),
    counts("rows", "Rows", (row) => row.rows),
    counts("statements", "Statements", (row) => row.statements),
    {
      key: "place",
      title: "At",
      value: (row) => row.file ?? "",
      cell: (row) => <Code place={row} source={sourceOf(data, row)} name />,
    },
  ];
  return (
    <Section
      title="Objects built from rows"
      note="the library's own time around the statements of a function"
    >
      <Rows
        caption="Objects built from rows"
        columns={columns}
        rows={rows}
        id={(row) => `${row.file}:${row.line}`}
        word="bsort"
        sort=""
      />
    </Section>
  );
}

const STEPS = [
  ["pool_ms", "pools", "Pool"],
  ["connect_ms", "connects", "Connect"],
  ["ping_ms", "pings", "Ping"],
  ["commit_ms", "commits", "Commit"],
  ["rollback_ms", "rollbacks", "Rollback"],
] as const;

/* What each connection took beside its statements: a step that did not happen is a dash. */
function Connections({ rows }: { rows: Connection[] }) {
  if (rows.length === 0) return null;
  const columns: Column<Connection>[] = [
    {
      key: "connection",
      title: "Connection",
      narrow: true,
      value: (row) => row.connection,
      cell: (row) => (row.connection === 0 ? "none came about" : row.connection),
    },
    ...STEPS.map(([time, count, title]) =>
      times<Connection>(count, title, (row) => row[time], {
        cell: (row) => {
          const n = row[count] ?? 0;
          return n === 0 ? (
            <span class="pale">–</span>
          ) : (
            <>
              <Ms ms={row[time]} />
              {n > 1 && <span class="pale"> {showCount(n)}×</span>}
            </>
          );
        },
      }),
    ),
    counts("executions", "Statements", (row) => row.executions),
    times("execute", "Execute", (row) => row.execute_ms, { narrow: true }),
    times("fetch", "Fetch", (row) => row.fetch_ms),
  ];
  return (
    <Section title="Connections" note="what they took, statements beside the rest">
      <Rows
        caption="Database connections"
        columns={columns}
        rows={rows}
        id={(row) => String(row.connection)}
        word="nsort"
        sort=""
      />
    </Section>
  );
}
