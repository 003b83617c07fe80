/* route.tsx -- one route: its time, its findings, how it went; and for the part that is brushed: tree, statements, waits. */
import { useState } from "preact/hooks";
import type {
  Decile,
  Difference,
  ExceptionRow,
  Portion,
  RouteAnswer,
  StatementRow,
  TimeSplit,
  TreeAnswer,
  WaitRow,
} from "../api/types";
import { isKind, kindOf, type Part, splitTime } from "../model/kinds";
import { showChange, showCount, showMoment, showMs, showOneIn, showPortion, showShare } from "../model/show";
import { question, type Words } from "../model/where";
import { Legend, Split } from "../views/split";
import { HeatMap, Histogram, Series } from "./chart";
import { FindingList } from "./finding";
import { Answer, Answered, Code, Empty, Linked, Ms, NOT_RECORDED, Section, SqlLine, Status } from "./parts";
import { ProfileView } from "./profile";
import { amounts, type Column, counts, Rows, times } from "./rows";
import { useAsk, useWhere } from "./use";
import { WaitRows } from "./waits";

export function RoutePage() {
  const { where, scope } = useWhere();
  const { route = "", min_ms = "", max_ms = "", from, to } = where.words;
  const brushed = min_ms !== "" || max_ms !== "";
  const whole = useAsk<RouteAnswer>(question("route", { ...scope, route }));
  const part = useAsk<RouteAnswer>(brushed ? question("route", { ...scope, route, min_ms, max_ms }) : null);
  const selection: Words = { ...scope, route, min_ms, max_ms };
  return (
    <Answered asked={whole}>
      {(data) => (
        <>
          <Head data={data} />
          <Findings data={data} />
          <Course data={data} />
          <Chosen
            words={{ min_ms, max_ms, ...(from ? { from } : {}), ...(to ? { to } : {}) }}
            part={brushed ? (part.data ?? null) : data}
          />
          {brushed && part.error?.status === 404 ? (
            <Empty>No request is in this part.</Empty>
          ) : brushed ? (
            <Answered asked={part}>{(chosen) => <Parts data={chosen} selection={selection} />}</Answered>
          ) : (
            <Parts data={data} selection={selection} />
          )}
        </>
      )}
    </Answered>
  );
}

function Head({ data }: { data: RouteAnswer }) {
  const { link } = useWhere();
  const { route } = data;
  const anchors = (data.findings ?? []).flatMap((finding) => {
    const href = link("findings", { id: finding.id });
    return [
      { text: `${finding.file}:${finding.line}`, href },
      { text: finding.title, href },
    ];
  });
  const sentence =
    data.sentence ?? route.sentence ?? `${route.route} takes ${showMs(route.p50_ms)} at the median.`;
  return (
    <Answer
      aside={
        <span class="complete">
          <span>
            <b>{showCount(route.requests)}</b> requests
          </span>
          <span class={route.errors > 0 ? "bad" : ""}>{showCount(route.errors)} errors</span>
          <span>
            median <Ms ms={route.p50_ms} />
          </span>
          <span>
            p90 <Ms ms={route.p90_ms} />
          </span>
          <span>
            p95 <Ms ms={route.p95_ms} />
          </span>
          <span>
            p99 <Ms ms={route.p99_ms} />
          </span>
          {typeof route.share === "number" && <span>{showShare(route.share, 1)} of all time</span>}
          {route.endpoint && <span>endpoint {route.endpoint}</span>}
          <a href={link("requests", { route: route.route })}>its requests</a>
        </span>
      }
    >
      <Linked text={sentence} anchors={anchors} />
    </Answer>
  );
}

function Findings({ data }: { data: RouteAnswer }) {
  if (!data.findings?.length) return null;
  return (
    <Section title="What to mend">
      <FindingList findings={data.findings} />
    </Section>
  );
}

/* How the durations went and spread: what one can brush. */
function Course({ data }: { data: RouteAnswer }) {
  const { where, set } = useWhere();
  const { min_ms, max_ms } = where.words;
  const chosen: [number, number] | null =
    min_ms || max_ms ? [Number(min_ms ?? 0), max_ms ? Number(max_ms) : Number.POSITIVE_INFINITY] : null;
  return (
    <div class="pair">
      <Section
        title="Over time"
        note={showOneIn(
          data.weight,
          "strong: median, pale: p95; dashes: a revision began; drag to choose a time",
        )}
      >
        <Series
          points={data.series ?? []}
          step_s={data.series_step_s}
          revisions={data.revisions ?? []}
          onBrush={(from, to) => set({ from: String(from), to: String(to), last: "" })}
        />
        {data.heat && data.heat.at.length > 1 && (
          <HeatMap
            heat={data.heat}
            onBrush={(from, to, low, high) =>
              set({ from: String(from), to: String(to), last: "", min_ms: exact(low), max_ms: exact(high) })
            }
          />
        )}
      </Section>
      <Section
        title="By duration"
        note={showOneIn(data.weight, "drag to choose: all below answers for the chosen requests")}
      >
        <Histogram
          buckets={data.histogram ?? []}
          chosen={chosen}
          onBrush={(low, high) => set({ min_ms: exact(low), max_ms: exact(high) })}
        />
        <Between />
        {(data.status?.length ?? 0) > 0 && (
          <p class="inline">
            {data.status?.map((row) => (
              <span key={row.status}>
                <span class="pale">status</span> <Status status={row.status} />{" "}
                <span class="pale">{showCount(row.requests)}×</span>
              </span>
            ))}
          </p>
        )}
        <Deciles deciles={data.deciles ?? []} />
      </Section>
    </div>
  );
}

function exact(ms: number): string {
  return String(Number(ms.toPrecision(9)));
}

/* The same as the brush, by keyboard. */
function Between() {
  const { where, set } = useWhere();
  const { min_ms = "", max_ms = "" } = where.words;
  return (
    <form
      key={`${min_ms} ${max_ms}`}
      class="between"
      onSubmit={(event) => {
        event.preventDefault();
        const fields = new FormData(event.currentTarget);
        const word = (name: string) => {
          const text = String(fields.get(name) ?? "").trim();
          return /^\d+(\.\d+)?$/.test(text) ? text : "";
        };
        set({ min_ms: word("min"), max_ms: word("max") });
      }}
    >
      <label>
        from <input name="min" inputMode="decimal" defaultValue={min_ms} size={7} /> ms
      </label>{" "}
      <label>
        to <input name="max" inputMode="decimal" defaultValue={max_ms} size={7} /> ms
      </label>{" "}
      <button type="submit">Choose</button>
    </form>
  );
}

function Deciles({ deciles }: { deciles: Decile[] }) {
  const { link } = useWhere();
  if (deciles.length === 0) return null;
  return (
    <p class="deciles">
      <span class="pale">Examples, fastest to slowest:</span>{" "}
      {deciles.map((row) => (
        <a
          key={row.decile}
          href={link("request", { id: row.id })}
          data-row={link("request", { id: row.id })}
          title={`decile ${row.decile}, ${row.id}`}
        >
          {showMs(row.duration_ms)}
        </a>
      ))}
    </p>
  );
}

/* Which requests the rest of the page speaks of. */
function Chosen({ words, part }: { words: Words; part: RouteAnswer | null }) {
  const { set } = useWhere();
  const brushed = words.min_ms || words.max_ms || words.from || words.to;
  if (!brushed) return null;
  const span = [
    words.min_ms || words.max_ms
      ? `${words.min_ms ? showMs(Number(words.min_ms)) : "0"} to ${words.max_ms ? showMs(Number(words.max_ms)) : "the slowest"}`
      : "",
    words.from || words.to
      ? `${words.from ? showMoment(Number(words.from)) : "…"} to ${words.to ? showMoment(Number(words.to)) : "now"}`
      : "",
  ].filter(Boolean);
  const estimate = showOneIn(part?.completeness?.estimated_from_one_in);
  return (
    <p class="chosen-part" role="status">
      Below: {part ? <b>{showCount(part.route.requests)} requests</b> : "requests"} of {span.join(", ")}
      {estimate && `, ${estimate}`}.{" "}
      <button
        type="button"
        data-key="Escape"
        onClick={() => set({ min_ms: "", max_ms: "", from: "", to: "" })}
      >
        All again (Esc)
      </button>
    </p>
  );
}

function Parts({ data, selection }: { data: RouteAnswer; selection: Words }) {
  return (
    <>
      <TimeBlock data={data} />
      <MergedTree selection={selection} />
      <Statements
        rows={data.statements ?? []}
        level={data.route.sql_per_request}
        portion={data.statements_portion}
      />
      <Waits rows={data.waits ?? []} time={data.time} />
      <Exceptions rows={data.exceptions ?? []} />
    </>
  );
}

function TimeBlock({ data }: { data: RouteAnswer }) {
  const parts = splitTime(data.time);
  return (
    <Section
      title="Where the time goes"
      note={data.time?.requests ? `mean of ${showCount(data.time.requests)} sampled requests` : undefined}
    >
      {parts && data.time ? (
        <>
          <Split parts={parts} of={data.time.wall_ms} />
          <Legend parts={parts} whole={data.time.wall_ms ?? 1} />
          <Untold parts={parts} whole={data.time.wall_ms ?? 0} />
          {typeof data.time.sql_ms === "number" && (
            <p class="pale">
              Statements took <Ms ms={data.time.sql_ms} /> of it, with the CPU and waits inside them.
            </p>
          )}
        </>
      ) : (
        <Empty>The split by kind was {NOT_RECORDED}.</Empty>
      )}
      <SlowTypical data={data} />
    </Section>
  );
}

const UNTOLD_LEAST = 0.03;

/* What no kind accounts for: below some levels waits are not recorded, and then the bar is short. */
function Untold({ parts, whole }: { parts: Part[]; whole: number }) {
  const rest = whole - parts.reduce((sum, part) => sum + part.ms, 0);
  if (rest < whole * UNTOLD_LEAST) return null;
  return (
    <p class="pale">
      <Ms ms={rest} /> of it is not told apart: waits were {NOT_RECORDED}.
    </p>
  );
}

function SlowTypical({ data }: { data: RouteAnswer }) {
  if (!data.slow || !data.typical) return null;
  const columns: Column<Difference>[] = [
    {
      key: "what",
      title: "The slow ones do more of",
      about: "functions: their own time, in all threads",
      narrow: true,
      wide: true,
      cell: (row) => (
        <>
          {isKind(row.what) && <i class={`swatch k-${kindOf(row.what).key}`} aria-hidden="true" />}
          {isKind(row.what) ? kindOf(row.what).name : (row.function ?? row.what)}{" "}
          {!isKind(row.what) && <Code place={{ file: row.file ?? null, line: row.line ?? null }} bare />}
        </>
      ),
    },
    { key: "typical", title: "Typical", number: true, cell: (row) => <Ms ms={row.typical_ms} /> },
    { key: "slow", title: "Slow", number: true, cell: (row) => <Ms ms={row.slow_ms} /> },
    { key: "change", title: "More", number: true, narrow: true, cell: (row) => showChange(row.change_ms) },
  ];
  return (
    <div class="versus">
      <Side name="Slow" about="above p90" time={data.slow} of={data.slow.wall_ms} />
      <Side name="Typical" about="p25 to p75" time={data.typical} of={data.slow.wall_ms} />
      {(data.differences?.length ?? 0) > 0 && (
        <Rows
          caption="What slow requests do more of"
          columns={columns}
          rows={(data.differences ?? []).filter((row) => row.change_ms > 0.0005)}
          id={(row) => `${row.what} ${row.file}:${row.line} ${row.function}`}
          word="dsort"
        />
      )}
    </div>
  );
}

function Side({
  name,
  about,
  time,
  of,
}: {
  name: string;
  about: string;
  time: TimeSplit;
  of: number | undefined;
}) {
  const parts = splitTime(time);
  return (
    <div class="side">
      <span>
        <b>{name}</b> <span class="pale">{about}</span> <Ms ms={time.wall_ms} />
      </span>
      {parts && <Split parts={parts} of={of} />}
    </div>
  );
}

/** The merged exact tree of a selection, loaded when it is asked for. */
export function MergedTree({ selection }: { selection: Words }) {
  const { where, set } = useWhere();
  const open = where.words.tree === "1";
  const asked = useAsk<TreeAnswer>(open ? question("tree", selection) : null, false);
  return (
    <Section title="Call tree" note="all chosen requests added up, times are means">
      {!open && (
        <p>
          <button type="button" data-key="f" onClick={() => set({ tree: "1" })}>
            Show the merged call tree (f)
          </button>
        </p>
      )}
      {open && (
        <Answered asked={asked}>
          {(tree) =>
            tree.nodes.length === 0 ? (
              <Empty>{tree.hint ?? `The call tree was ${NOT_RECORDED}.`}</Empty>
            ) : (
              <Merged tree={tree} title={selection.route ?? ""} />
            )
          }
        </Answered>
      )}
    </Section>
  );
}

/* Two standard errors of a share of one half, the widest. */
function errorOf(samples: number): number {
  return 1 / Math.sqrt(Math.max(samples, 1));
}

/* Trees of calls and of samples are not added up: what is left out is said. */
function otherKind(tree: TreeAnswer): string {
  const { calls = 0, samples = 0 } = tree.with ?? {};
  if (tree.of === "calls" && samples > 0) return `; ${showCount(samples)} more have samples`;
  return tree.of === "samples" && calls > 0 ? `; ${showCount(calls)} more have a tree of exact calls` : "";
}

export function Merged({ tree, title }: { tree: TreeAnswer; title: string }) {
  const [source, setSource] = useState({ title, requests: tree.requests, nodes: tree.nodes });
  if (source.nodes !== tree.nodes) setSource({ title, requests: tree.requests, nodes: tree.nodes });
  return (
    <>
      <p class="pale">
        {tree.of === "outside"
          ? "What ran outside of requests, of all routes"
          : tree.requests === 1
            ? "One request"
            : `${showCount(tree.requests)} requests`}
        {tree.of === "outside" ? "" : tree.of === "samples" ? " with samples" : " with a tree"}
        {tree.of !== "outside" &&
          typeof tree.matching === "number" &&
          tree.matching !== tree.requests &&
          ` of ${showCount(tree.matching)} chosen`}
        {typeof tree.samples === "number" &&
          `; ${showCount(tree.samples)} samples, so shares are ± ${showShare(errorOf(tree.samples), 1)}`}
        {tree.truncated && "; an even selection was taken"}
        {otherKind(tree)}.
      </p>
      <ProfileView source={source} first={{ view: "icicle" }} />
    </>
  );
}

/** Statements, by total time. */
interface StatementsProps {
  rows: StatementRow[];
  level?: number | null | undefined; // statements a request; absent: not recorded
  portion?: Portion | undefined;
}

export function Statements({ rows, level, portion }: StatementsProps) {
  if (rows.length === 0) {
    if (typeof level === "number" && level > 0) return null;
    return (
      <Section title="SQL">
        <Empty>{typeof level === "number" ? "No statement ran." : `Statements were ${NOT_RECORDED}.`}</Empty>
      </Section>
    );
  }
  const columns: Column<StatementRow>[] = [
    {
      key: "statement",
      title: "Statement",
      narrow: true,
      wide: true,
      cell: (row) => (
        <>
          <Code place={row} bare />
          <SqlLine text={row.statement} />
        </>
      ),
    },
    {
      key: "per",
      title: "A request",
      number: true,
      value: (row) => row.per_request,
      cell: (row) =>
        typeof row.per_request === "number" ? `${Number(row.per_request.toPrecision(3))}×` : "–",
    },
    counts("calls", "Times", (row) => row.executions ?? row.count ?? 0),
    times("max", "Slowest", (row) => row.max_ms),
    amounts(
      "total",
      "Total",
      rows,
      (row) => row.total_ms,
      () => "sql",
    ),
  ];
  return (
    <Section
      title="SQL"
      note={`of the chosen requests, by total time${portion ? `; ${showPortion(portion)}` : ""}`}
    >
      <Rows
        caption="Statements"
        columns={columns}
        rows={rows}
        id={(row) => `${row.statement} ${row.file}:${row.line}`}
        word="ssort"
        sort="total"
      />
    </Section>
  );
}

function Waits({ rows, time }: { rows: WaitRow[]; time: TimeSplit | undefined }) {
  const requests = time?.requests ?? 0;
  const recorded = time?.kinds_ms !== undefined && time.kinds_ms !== null;
  return (
    <Section
      title="Waits"
      note={requests > 0 ? `of ${showCount(requests)} sampled requests, all threads` : undefined}
    >
      {rows.length > 0 ? (
        <WaitRows rows={rows} />
      ) : (
        <Empty>{recorded ? "Nothing was waited for." : `Waits were ${NOT_RECORDED}.`}</Empty>
      )}
    </Section>
  );
}

function Exceptions({ rows }: { rows: ExceptionRow[] }) {
  const { link } = useWhere();
  if (rows.length === 0) return null;
  return (
    <Section title="Exceptions" note="of sampled requests, grouped">
      <ul class="plain">
        {rows.map((row) => (
          <li key={row.group ?? `${row.type} ${row.text}`}>
            <b class="bad">{row.type}</b> {row.text} <span class="pale">{showCount(row.count)}×</span>{" "}
            {row.example && <a href={link("request", { id: row.example, tab: "exception" })}>example</a>}
            {row.frames && row.frames.length > 0 && (
              <div class="pale">
                <Code place={row.frames[row.frames.length - 1]} name bare />
              </div>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}
