/* request.tsx -- one request: how long and of what, its lanes over time, then everything that was recorded of it, a tab each. */
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import type { Call, ExceptionRow, FindingsAnswer, RequestAnswer, Template, TreeNode } from "../api/types";
import { kindOf, type Part, splitRequest } from "../model/kinds";
import { findingsOf } from "../model/seen";
import { showCount, showMoment, showMs, showShare } from "../model/show";
import { groupWaits } from "../model/waits";
import { question, type Words } from "../model/where";
import { Legend, Split } from "../views/split";
import { Answer, Answered, Code, Copy, Empty, Ms, NOT_RECORDED, Section, Status, To } from "./parts";
import { ProfileView } from "./profile";
import { Facts } from "./requestfacts";
import { Sql, sqlOf } from "./requestsql";
import { type Column, counts, Rows, sizes, times } from "./rows";
import { SplitText, Timeline } from "./timeline";
import { CallTree } from "./tree";
import { useAsk, useLive, useWhere } from "./use";
import { Holders, WaitRows } from "./waits";

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
      <Rank data={data} />
    </Answer>
  );
}

/* Where it stands, and among which requests. */
function Rank({ data }: { data: RequestAnswer }) {
  const { rank, rank_of: of = 0, rank_among: among, route_p50_ms: median } = data;
  const nearby = `among the ${showCount(among ?? 0)} requests stored around it`;
  if (among && of === 0) return <span class="pale"> the only one of its route {nearby}</span>;
  if (typeof rank !== "number") return null;
  const times = typeof median === "number" && median > 0 ? data.duration_ms / median : 0;
  const share = `slower than ${showShare(rank, 1)} of`;
  const standing = !among
    ? `${rank === 1 ? "the slowest of" : share} its route`
    : of === 1
      ? `${rank === 1 ? "slower" : "not slower"} than the one other of its route ${nearby}`
      : `${rank === 1 ? "slower than all" : `${share} the`} ${showCount(of)} others of its route ${nearby}`;
  return (
    <span class="pale">
      {` ${standing}`}
      {times >= 1.5 ? `, ${times >= 10 ? Math.round(times) : times.toFixed(1)} times the median` : ""}
    </span>
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
    {
      key: "waits",
      title: "Waits",
      count: data.waits && groupWaits(data.waits).length,
      show: () => <Waits data={data} />,
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
    { key: "facts", title: "Arguments and facts", show: () => <Facts data={data} /> },
  ];
}

function Waits({ data }: { data: RequestAnswer }) {
  if (!data.waits) return <Empty>Waits were {NOT_RECORDED}.</Empty>;
  const held = data.waits.some((row) => row.kind === "gil" || row.kind === "lock");
  return (
    <>
      {data.waits.length === 0 ? <Empty>Nothing was waited for.</Empty> : <WaitRows rows={data.waits} />}
      <Section title="Who had the locks" note="while this request waited for them">
        {(data.holders?.length ?? 0) > 0 ? (
          <Holders rows={data.holders ?? []} request={data.id} />
        ) : (
          <Empty>{held ? "Nobody was seen with them." : "No lock was waited for."}</Empty>
        )}
      </Section>
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
    times("at", "At", (row) => row.at_ms, { value: (row) => -row.at_ms }),
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
    times("total", "Took", (row) => row.total_ms, { narrow: true }),
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
    sizes("out", "Sent", (row) => row.bytes_out),
    sizes("in", "Got", (row) => row.bytes_in),
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
        counts<Template>("count", "Times", (row) => row.count),
        times<Template>("self", "Itself", (row) => row.self_ms),
        times<Template>("total", "Total", (row) => row.total_ms, { narrow: true }),
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
