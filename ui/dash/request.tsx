/* request.tsx -- one request: how long and of what, its lanes over time, then everything that was recorded of it, a tab each. */
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import type {
  Call,
  ExceptionRow,
  Fact,
  FindingsAnswer,
  RequestAnswer,
  StatementRow,
  TreeNode,
} from "../api/types";
import { kindOf, type Part, splitRequest } from "../model/kinds";
import { findingsOf } from "../model/seen";
import { showBytes, showCount, showMoment, showMs, showShare } from "../model/show";
import { type Run, runsOf } from "../model/statements";
import { question, type Words } from "../model/where";
import { Legend, Split } from "../views/split";
import {
  Absent,
  Answer,
  Answered,
  Bar,
  Code,
  Copy,
  Empty,
  Ms,
  NOT_RECORDED,
  Section,
  Status,
  To,
} from "./parts";
import { PlanOf } from "./plan";
import { ProfileView } from "./profile";
import { type Column, Rows } from "./rows";
import { SplitText, Timeline } from "./timeline";
import { CallTree } from "./tree";
import { useAsk, useLive, useWhere } from "./use";

interface Tab {
  key: string;
  title: string;
  count?: number | undefined;
  letter?: string;
  show: () => ComponentChildren;
}

export function RequestPage() {
  const { where } = useWhere();
  const { id = "" } = where.words;
  const asked = useAsk<RequestAnswer>(question("request", { id }), false);
  return <Answered asked={asked}>{(data) => <Filled key={data.id} data={data} />}</Answered>;
}

function Filled({ data }: { data: RequestAnswer }) {
  const { where, set } = useWhere();
  const parts = useMemo(() => splitRequest(data), [data]);
  const source = useMemo(
    () => ({
      title: data.route,
      requests: 1,
      nodes: data.nodes ?? [],
      executions: data.executions ?? [],
      waits: data.waits ?? [],
    }),
    [data],
  );
  const tabs = tabsOf(data, source);
  const tab = tabs.find((entry) => entry.key === where.words.tab) ?? tabs[0];
  return (
    <>
      <Head data={data} parts={parts} />
      {parts && parts.length > 0 && (
        <div class="split-block">
          <Split parts={parts} of={data.wall_ms} />
          <Legend parts={parts} whole={parts.reduce((sum, part) => sum + part.ms, 0)} />
        </div>
      )}
      <Hints data={data} />
      {(data.timeline?.lanes.length ?? 0) > 0 && (
        <Section title="Timeline" note={laneNote(data)}>
          <Timeline request={data} />
        </Section>
      )}
      <div class="tabs" role="tablist" aria-label="What was recorded">
        {tabs.map((entry) => (
          <button
            key={entry.key}
            type="button"
            role="tab"
            aria-selected={entry === tab}
            {...(entry.letter ? { "data-key": entry.letter, title: `key ${entry.letter}` } : {})}
            onClick={() => set({ tab: entry.key })}
          >
            {entry.title}
            {entry.count !== undefined && <span class="count"> {showCount(entry.count)}</span>}
          </button>
        ))}
      </div>
      <div class="panel" role="tabpanel" aria-label={tab.title}>
        {tab.show()}
      </div>
    </>
  );
}

const HINTS_MOST = 4;

/* What is known to be wrong with its route, as far as it is to be seen in this request. */
function Hints({ data }: { data: RequestAnswer }) {
  const { scope } = useWhere();
  const words: Words = { ...scope, route: data.route };
  if (!scope.label && !scope.revision) words.revision = data.revision ?? "";
  const asked = useAsk<FindingsAnswer>(question("findings", words), false);
  const found = useMemo(() => findingsOf(data, asked.data?.findings ?? []), [data, asked.data]);
  if (found.length === 0) return null;
  return (
    <ul class="hints" aria-label="Findings of its route">
      {found.slice(0, HINTS_MOST).map((finding) => (
        <li key={finding.id}>
          <To page="findings" words={{ ...words, id: finding.id }}>
            {finding.title}
          </To>{" "}
          <Code place={finding} bare />{" "}
          <span class="pale">−{showMs(finding.predicted_saving_ms)} a request</span>
        </li>
      ))}
    </ul>
  );
}

function laneNote(data: RequestAnswer): string {
  const beside = (data.timeline?.lanes.length ?? 1) - 1;
  if (beside <= 0) return "one thread";
  const kinds = new Map<string, number>();
  for (const lane of data.timeline?.lanes ?? [])
    if (lane.lane !== 0) kinds.set(lane.kind, (kinds.get(lane.kind) ?? 0) + 1);
  return `main and ${Array.from(kinds, ([kind, n]) => `${showCount(n)} ${kind}${n > 1 ? "s" : ""}`).join(", ")}`;
}

function Head({ data, parts }: { data: RequestAnswer; parts: Part[] | null }) {
  const { saved } = useLive();
  const times =
    typeof data.route_p50_ms === "number" && data.route_p50_ms > 0 ? data.duration_ms / data.route_p50_ms : 0;
  return (
    <Answer
      aside={
        <span class="complete">
          <span>
            request <b class="mono">{data.id}</b> <Copy text={data.id} what="the request's id" />
          </span>
          <span>{showMoment(data.start_ns / 1e6)}</span>
          {data.level && <span>level {data.level}</span>}
          {data.revision && <span>revision {data.revision}</span>}
          <span>
            <Copy text={curlOf(data)} what="a curl command" /> curl
          </span>
          {saved && <span>saved {showMoment(saved.at)}</span>}
          {!saved && (
            <a
              href={`api/v1/${question("export", { id: data.id })}`}
              download
              title="one file, for whoever has no dashboard"
            >
              save as a file
            </a>
          )}
          {data.previous && !saved && (
            <To page="request" words={{ id: data.previous }} data-key="p">
              before
            </To>
          )}
          {data.next && !saved && (
            <To page="request" words={{ id: data.next }} data-key="n">
              next
            </To>
          )}
        </span>
      }
    >
      <To page="route" words={{ route: data.route }}>
        {data.route}
      </To>{" "}
      <Status status={data.status} /> <b>{showMs(data.duration_ms)}</b>
      {parts && parts.length > 0 && (
        <>
          {" = "}
          <SplitText parts={topParts(parts)} />
        </>
      )}
      {typeof data.rank === "number" && (
        <span class="pale">
          {" "}
          slower than {showShare(data.rank, 1)} of its route
          {times >= 1.5 ? `, ${times >= 10 ? Math.round(times) : times.toFixed(1)} times the median` : ""}
        </span>
      )}
    </Answer>
  );
}

/* The sentence names what matters: the largest parts, the rest as one. */
function topParts(parts: Part[]): Part[] {
  const sum = parts.reduce((total, part) => total + part.ms, 0);
  const large = [...parts].sort((a, b) => b.ms - a.ms).filter((part) => part.ms >= sum * 0.01);
  return large.slice(0, 5);
}

/** The request again, as far as it was recorded. A route with parts says so with its own names. */
function curlOf(data: RequestAnswer): string {
  const [method, rule] = data.route.split(" ");
  const host = data.headers?.find((fact) => fact.name.toLowerCase() === "host")?.value ?? "127.0.0.1:5000";
  const path = data.headers?.find((fact) => fact.name === "path")?.value ?? rule ?? "/";
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  return `curl -i -X ${quote(method ?? "GET")} ${quote(`http://${host}${path}`)}`;
}

type Source = { title: string; requests: number; nodes: TreeNode[] };

function tabsOf(data: RequestAnswer, source: Source): Tab[] {
  const trees = source.nodes.length > 0;
  const none = (
    <Empty>
      The call tree was {NOT_RECORDED}
      {data.level ? ` (${data.level}); level trace records it` : ""}.
    </Empty>
  );
  return [
    {
      key: "flame",
      title: "Flame",
      letter: "f",
      show: () => (trees ? <ProfileView source={source} first={{ view: "icicle" }} /> : none),
    },
    {
      key: "tree",
      title: "Tree",
      letter: "t",
      show: () => (trees ? <CallTree request={data} /> : none),
    },
    {
      key: "sql",
      title: "SQL",
      letter: "s",
      count: sqlOf(data).count,
      show: () => <Sql data={data} />,
    },
    { key: "calls", title: "Calls out", count: data.calls?.length, show: () => <Calls data={data} /> },
    {
      key: "templates",
      title: "Templates",
      count: data.templates?.length,
      show: () => <Templates data={data} />,
    },
    { key: "logs", title: "Logs", count: data.logs?.length, show: () => <Logs data={data} /> },
    {
      key: "exception",
      title: "Exception",
      count: data.exceptions?.length,
      show: () => <Exceptions rows={data.exceptions} />,
    },
    { key: "facts", title: "Headers and facts", show: () => <Facts data={data} /> },
  ];
}

function sourceOf(data: RequestAnswer, place: { file?: string | null; line?: number | null }): string {
  return data.sources?.[`${place.file}:${place.line}`] ?? "";
}

function sqlOf(data: RequestAnswer): { count: number | undefined; ms: number | undefined } {
  const rows = data.statements ?? [];
  if (rows.length === 0) return { count: data.sql_count ?? undefined, ms: data.sql_ms ?? undefined };
  return {
    count: rows.reduce((sum, row) => sum + (row.count ?? 0), 0),
    ms: rows.reduce((sum, row) => sum + row.total_ms, 0),
  };
}

function Sql({ data }: { data: RequestAnswer }) {
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
    </>
  );
}

function Grouped({ data, rows }: { data: RequestAnswer; rows: StatementRow[] }) {
  const most = Math.max(...rows.map((row) => row.total_ms), 0.000001);
  const columns: Column<StatementRow>[] = [
    {
      key: "total",
      title: "Total",
      number: true,
      narrow: true,
      value: (row) => row.total_ms,
      cell: (row) => (
        <span class="amount">
          <Ms ms={row.total_ms} />
          <Bar share={row.total_ms / most} kind="sql" />
        </span>
      ),
    },
    {
      key: "count",
      title: "Times",
      number: true,
      narrow: true,
      value: (row) => row.count,
      cell: (row) => <span class={(row.count ?? 0) >= 5 ? "bad" : ""}>{showCount(row.count ?? 0)}×</span>,
    },
    {
      key: "max",
      title: "Slowest",
      number: true,
      value: (row) => row.max_ms,
      cell: (row) => <Ms ms={row.max_ms} />,
    },
    {
      key: "rows",
      title: "Rows",
      number: true,
      value: (row) => row.rows,
      cell: (row) => (typeof row.rows === "number" ? showCount(row.rows) : <Absent />),
    },
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
          <code class="sql">{row.statement}</code>
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

const PHASES: [keyof Call, string][] = [
  ["dns_ms", "dns"],
  ["connect_ms", "connect"],
  ["tls_ms", "tls"],
  ["send_ms", "send"],
  ["first_byte_ms", "recv"],
  ["receive_ms", "recv"],
];

function Calls({ data }: { data: RequestAnswer }) {
  const rows = data.calls ?? [];
  if (!data.calls) return <Empty>Outgoing calls were {NOT_RECORDED}.</Empty>;
  if (rows.length === 0) return <Empty>No outgoing call was seen.</Empty>;
  const whole = data.wall_ms ?? data.duration_ms;
  const columns: Column<Call>[] = [
    {
      key: "at",
      title: "At",
      number: true,
      value: (row) => -row.at_ms,
      cell: (row) => <Ms ms={row.at_ms} />,
    },
    {
      key: "peer",
      title: "To",
      narrow: true,
      wide: true,
      value: (row) => row.peer,
      cell: (row) => (
        <>
          {row.protocol}{" "}
          {row.name && row.name !== row.peer?.replace(/:\d+$/, "") ? `${row.name} (${row.peer})` : row.peer}{" "}
          <Code place={row} name bare />
        </>
      ),
    },
    {
      key: "total",
      title: "Took",
      number: true,
      narrow: true,
      value: (row) => row.total_ms,
      cell: (row) => <Ms ms={row.total_ms} />,
    },
    {
      key: "when",
      title: "When",
      cell: (row) => (
        <span
          class="waterfall"
          role="img"
          aria-label={PHASES.map(
            ([field, kind]) => `${kindOf(kind).name} ${showMs(row[field] as number | undefined)}`,
          ).join(", ")}
        >
          <span class="before" style={{ width: `${(row.at_ms / whole) * 100}%` }} />
          {PHASES.map(([field, kind]) => {
            const ms = (row[field] as number | undefined) ?? 0;
            const title = `${field.replace(/_ms$/, "").replace("_", " ")} ${showMs(ms)}`;
            return ms > 0 ? (
              <span
                key={field}
                class={`k-${kindOf(kind).key}`}
                title={title}
                style={{ width: `${(ms / whole) * 100}%` }}
              />
            ) : null;
          })}
        </span>
      ),
    },
    {
      key: "out",
      title: "Sent",
      number: true,
      value: (row) => row.bytes_out,
      cell: (row) => showBytes(row.bytes_out),
    },
    {
      key: "in",
      title: "Got",
      number: true,
      value: (row) => row.bytes_in,
      cell: (row) => showBytes(row.bytes_in),
    },
  ];
  return (
    <Rows
      caption="Outgoing calls"
      columns={columns}
      rows={rows}
      id={(row) => `${row.at_ms} ${row.lane}`}
      word="csort"
      sort="at"
    />
  );
}

function Templates({ data }: { data: RequestAnswer }) {
  if (!data.templates) return <Empty>Templates were {NOT_RECORDED}.</Empty>;
  if (data.templates.length === 0) return <Empty>No template was rendered.</Empty>;
  const depth = (row: { parent?: number }): number => {
    const up = row.parent === undefined ? undefined : data.templates?.[row.parent];
    return up && up !== row ? 1 : 0;
  };
  return (
    <Rows
      caption="Templates"
      rows={data.templates}
      id={(row) => `${row.name} ${row.kind} ${row.at_ms} ${row.parent}`}
      word="tsort"
      columns={[
        {
          key: "name",
          title: "Template",
          narrow: true,
          wide: true,
          cell: (row) => (
            <>
              {depth(row) > 0 && <span class="pale">↳ </span>}
              {row.name} <span class="pale">{row.kind === "template" ? "" : row.kind}</span>
              <div>
                <Code place={row} bare name />
              </div>
            </>
          ),
        },
        {
          key: "count",
          title: "Times",
          number: true,
          value: (row) => row.count,
          cell: (row) => showCount(row.count),
        },
        {
          key: "self",
          title: "Itself",
          number: true,
          value: (row) => row.self_ms,
          cell: (row) => <Ms ms={row.self_ms} />,
        },
        {
          key: "total",
          title: "Total",
          number: true,
          narrow: true,
          value: (row) => row.total_ms,
          cell: (row) => <Ms ms={row.total_ms} />,
        },
      ]}
    />
  );
}

function Logs({ data }: { data: RequestAnswer }) {
  if (!data.logs) return <Empty>Log records were {NOT_RECORDED}.</Empty>;
  if (data.logs.length === 0) return <Empty>Nothing was logged.</Empty>;
  return (
    <Rows
      caption="Log records"
      rows={data.logs}
      id={(row) => `${row.at_ms} ${row.logger} ${row.message}`}
      word="lsort"
      columns={[
        { key: "at", title: "At", number: true, cell: (row) => <Ms ms={row.at_ms} /> },
        {
          key: "level",
          title: "Level",
          narrow: true,
          cell: (row) => (
            <span class={/error|critical/i.test(row.level) ? "bad" : /warn/i.test(row.level) ? "odd" : ""}>
              {row.level}
            </span>
          ),
        },
        { key: "count", title: "Times", number: true, cell: (row) => showCount(row.count) },
        {
          key: "message",
          title: "Message",
          narrow: true,
          wide: true,
          cell: (row) => (
            <>
              <span class="pale">{row.logger}</span> {row.message} <Code place={row} bare />
            </>
          ),
        },
      ]}
    />
  );
}

function Exceptions({ rows }: { rows: ExceptionRow[] | undefined }) {
  if (!rows) return <Empty>Exceptions were {NOT_RECORDED}.</Empty>;
  if (rows.length === 0) return <Empty>No exception.</Empty>;
  return (
    <>
      {rows.map((row) => (
        <article key={`${row.group} ${row.at_ms}`} class="card">
          <h2>
            <span class="bad">{row.type}</span> {row.text}
          </h2>
          <p class="pale">
            {row.end} {row.count > 1 ? `${showCount(row.count)}×` : ""} at <Ms ms={row.at_ms} />
          </p>
          <ol class="stack">
            {[...(row.frames ?? [])].map((frame) => (
              <li key={`${frame.file}:${frame.line} ${frame.function}`}>
                {frame.function}{" "}
                <Code
                  place={{ file: frame.file ?? null, line: frame.line ?? null }}
                  source={frame.source}
                  bare
                />
              </li>
            ))}
          </ol>
        </article>
      ))}
    </>
  );
}

function Pairs({ title, facts }: { title: string; facts: Fact[] | undefined }) {
  return (
    <Section title={title}>
      {!facts ? (
        <Empty>They were {NOT_RECORDED}.</Empty>
      ) : facts.length === 0 ? (
        <Empty>None.</Empty>
      ) : (
        <dl class="facts">
          {facts.map((fact) => (
            <div key={fact.name}>
              <dt>{fact.name}</dt>
              <dd>{fact.value}</dd>
            </div>
          ))}
        </dl>
      )}
    </Section>
  );
}

function Bytes({ bytes }: { bytes: number | null | undefined }) {
  return typeof bytes === "number" ? <span>{showBytes(bytes)}</span> : <Absent />;
}

function Facts({ data }: { data: RequestAnswer }) {
  const phases = Object.entries(data.phases_ms ?? {});
  const most = Math.max(...phases.map(([, ms]) => ms), 0.000001);
  const facts: [string, ComponentChildren][] = [
    ["endpoint", data.endpoint ?? <Absent />],
    [
      "worker",
      data.worker === undefined ? (
        <Absent />
      ) : (
        <To page="requests" words={{ worker: String(data.worker) }}>
          {data.worker}
        </To>
      ),
    ],
    ["wall time", <Ms key="wall" ms={data.wall_ms} />],
    ["our own part of it, taken out", <Ms key="own" ms={data.own_ms} />],
    ["CPU", <Ms key="cpu" ms={data.cpu_ms} />],
    ["waited in the server's queue", <Ms key="queue" ms={data.queue_ms} />],
    ["to the first byte", <Ms key="first" ms={data.first_byte_ms} />],
    ["bytes in", <Bytes key="bytes_in" bytes={data.bytes_in} />],
    ["bytes out", <Bytes key="bytes_out" bytes={data.bytes_out} />],
    ["garbage collection", <Ms key="gc" ms={data.gc?.total_ms} />],
    ["allocated", <Bytes key="alloc" bytes={data.alloc_bytes} />],
    ["memory grew by", <Bytes key="rss" bytes={data.rss_growth_bytes} />],
    ["flags", data.flags && data.flags.length > 0 ? data.flags.join(", ") : "none"],
  ];
  return (
    <div class="pair">
      <div>
        <Section title="Facts">
          <dl class="facts">
            {facts.map(([key, value]) => (
              <div key={key}>
                <dt>{key}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </Section>
        <Section title="Phases">
          {phases.length === 0 ? (
            <Empty>They were {NOT_RECORDED}.</Empty>
          ) : (
            <dl class="facts bars">
              {phases.map(([phase, ms]) => (
                <div key={phase}>
                  <dt>{phase}</dt>
                  <dd>
                    <Ms ms={ms} /> <Bar share={ms / most} />
                  </dd>
                </div>
              ))}
            </dl>
          )}
        </Section>
      </div>
      <div>
        <Pairs title="Headers" facts={data.headers} />
        <Pairs title="Configuration" facts={data.config} />
      </div>
    </div>
  );
}
