/* compare.tsx -- two stretches: what moved, which findings are mended, where in the code. */
import type { CompareAnswer, CompareFinding, CompareRoute, DiffAnswer, Moved } from "../api/types";
import { kindOf } from "../model/kinds";
import { inZone, momentOf, showChange, showCount, showMs, showShare } from "../model/show";
import { question } from "../model/where";
import { DeltaFlame } from "./delta";
import { Absent, Answer, Answered, Bar, Code, Empty, Entry, Ms, Section, SqlLine, Status } from "./parts";
import { type Column, Rows, times } from "./rows";
import { useAsk, useLive, useWhere } from "./use";

interface Choice {
  value: string;
  title: string;
}

function useChoices(): Choice[] {
  const { meta } = useLive();
  return [
    ...(meta?.labels ?? []).map((row) => ({ value: `label:${row.label}`, title: `label ${row.label}` })),
    ...(meta?.revisions ?? []).map((row) => ({ value: row.revision, title: `revision ${row.revision}` })),
  ];
}

const RANGE = "range";
const RANGE_MS = 3_600_000;

/* "1700000000000..1700003600000": from and to in ms; either may be left out. */
function rangeOf(value: string): { from: string; to: string } | null {
  const found = /^(\d*)\.\.(\d*)$/.exec(value);
  return found ? { from: found[1], to: found[2] } : null;
}

/* To begin with: the last hour, and the one before it. */
function lately(side: "a" | "b"): string {
  const to = Math.floor(Date.now() / 1000) * 1000 - (side === "a" ? RANGE_MS : 0);
  return `${to - RANGE_MS}..${to}`;
}

/** A side that is a stretch of time, in the browser's own zone. */
function Between({
  value,
  about,
  onChange,
}: {
  value: string;
  about: string;
  onChange: (value: string) => void;
}) {
  const range = rangeOf(value);
  if (!range) return null;
  const change = (part: Partial<typeof range>) => {
    const { from, to } = { ...range, ...part };
    onChange(`${from}..${to}`);
  };
  const field = (end: "from" | "to") => (
    <Entry
      type="datetime-local"
      step={1}
      label={`${about}, ${end}`}
      value={range[end] === "" ? "" : inZone(Number(range[end]))}
      onEnter={(text) => change({ [end]: momentOf(text) })}
    />
  );
  return (
    <>
      {field("from")} <span class="pale">to</span> {field("to")}
    </>
  );
}

/* Without a choice: the two newest labels, else the two newest revisions; the older one first. */
function useSides(): { a: string; b: string } {
  const { where } = useWhere();
  const { meta } = useLive();
  const names = [...new Set(meta?.labels.map((row) => row.label) ?? [])];
  const [newer, older] =
    names.length >= 2
      ? [`label:${names[0]}`, `label:${names[1]}`]
      : [meta?.revisions[0]?.revision ?? "", meta?.revisions[1]?.revision ?? ""];
  return { a: where.words.a ?? older ?? "", b: where.words.b ?? newer ?? "" };
}

export function Compare() {
  const { set, where } = useWhere();
  const choices = useChoices();
  const { a, b } = useSides();
  const { route = "" } = where.words;
  const ready = a !== "" && b !== "";
  const asked = useAsk<CompareAnswer>(ready ? question("compare", { a, b, route }) : null);
  const pick = (side: "a" | "b", value: string, about: string) => {
    const ranged = rangeOf(value) !== null;
    const choose = (next: string) => set({ a, b, [side]: next === RANGE ? lately(side) : next });
    return (
      <>
        <select
          aria-label={about}
          value={ranged ? RANGE : value}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          {!ranged && !choices.some((choice) => choice.value === value) && (
            <option value={value}>{value || "choose"}</option>
          )}
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.title}
            </option>
          ))}
          <option value={RANGE}>a stretch of time</option>
        </select>
        <Between value={value} about={about} onChange={choose} />
      </>
    );
  };
  return (
    <>
      <div class="filters">
        {pick("a", a, "Before")} <span class="pale">against</span> {pick("b", b, "After")}
        <button type="button" onClick={() => set({ a: b, b: a })}>
          Swap
        </button>
        {route !== "" && (
          <span>
            {route}{" "}
            <button type="button" class="link" data-key="Escape" onClick={() => set({ route: "" })}>
              all routes
            </button>
          </span>
        )}
      </div>
      {ready ? (
        <Answered asked={asked}>{(data) => <Filled data={data} a={a} b={b} />}</Answered>
      ) : (
        <Empty>
          There is nothing to compare yet: record two stretches with{" "}
          <code>hotplate record --label before -- …</code> and <code>--label after</code>, or let two
          revisions run.
        </Empty>
      )}
    </>
  );
}

function Filled({ data, a, b }: { data: CompareAnswer; a: string; b: string }) {
  const { where, set, link } = useWhere();
  const changed = data.routes.filter((row) => row.changed && typeof row.change_ms === "number");
  const first = [...changed].sort(
    (x, y) => Math.abs(y.change_ms ?? 0) * y.requests_after - Math.abs(x.change_ms ?? 0) * x.requests_after,
  )[0];
  const machine = data.routes.find((row) => row.machine);
  const others = data.routes.filter(answersOtherwise);
  const fixed = data.findings.filter((row) => row.state === "fixed").length;
  const fresh = data.findings.filter((row) => row.state === "new" || row.state === "returned").length;
  const route = where.words.route ?? first?.route ?? data.routes[0]?.route ?? "";
  return (
    <>
      <Answer>
        {first && typeof first.before_ms === "number" && typeof first.after_ms === "number" ? (
          <>
            <a href={link("route", { route: first.route })}>{first.route}</a> went from{" "}
            <Ms ms={first.before_ms} /> to{" "}
            <b class={answersOtherwise(first) ? "" : (first.change_ms ?? 0) > 0 ? "bad" : "good"}>
              <Ms ms={first.after_ms} />
            </b>
            {first.before_ms > 0 && <> ({factor(first.before_ms, first.after_ms)})</>}.
          </>
        ) : machine ? (
          <>
            <a href={link("route", { route: machine.route })}>{machine.route}</a> went from{" "}
            <Ms ms={machine.before_ms} /> to <Ms ms={machine.after_ms} />, but most of that is the machine's:
            others had the processors, or it computes at another speed.
          </>
        ) : (
          "No route's median changed beyond noise."
        )}{" "}
        {others.length > 0 && <OtherAnswers rows={others} />}
        {fixed > 0 && `${fixed} ${fixed === 1 ? "finding is" : "findings are"} mended. `}
        {fresh > 0 && `${fresh} ${fresh === 1 ? "is" : "are"} new.`}
      </Answer>
      <Section title="What moved" note="medians; 95 % interval of the change">
        <MovedTable rows={data.routes} a={a} b={b} />
      </Section>
      <Causes row={data.routes.find((row) => row.route === route)} />
      {data.findings.length > 0 && (
        <Section title="Findings">
          <FindingTable rows={data.findings} />
        </Section>
      )}
      <Section title="Where in the code" note={`call trees of ${route}, a request; red grew, blue shrank`}>
        {where.words.diff === "1" ? (
          <Diff a={a} b={b} route={route} />
        ) : (
          <button type="button" data-key="f" onClick={() => set({ diff: "1" })}>
            Show the differential flame graph (f)
          </button>
        )}
      </Section>
    </>
  );
}

/* Most of its answers have another status than before: its times say nothing of a repair. */
function answersOtherwise(row: CompareRoute): boolean {
  return row.status_before !== undefined && row.status_after !== undefined;
}

function OtherAnswers({ rows }: { rows: CompareRoute[] }) {
  const { link } = useWhere();
  const [row] = rows;
  return (
    <>
      But <a href={link("route", { route: row.route })}>{row.route}</a> answered{" "}
      <Status status={row.status_before} /> before and answers <Status status={row.status_after} />
      {rows.length > 1 &&
        `, and ${rows.length === 2 ? "one more route does" : `${showCount(rows.length - 1)} more routes do`} likewise`}
      : nothing here shows that a cause is gone.{" "}
    </>
  );
}

function factor(before: number, after: number): string {
  if (after <= 0) return "to nothing";
  const times = before > after ? before / after : after / before;
  if (times < 1.5)
    return `${showShare(Math.abs(after - before), before)} ${after > before ? "slower" : "faster"}`;
  return `${times.toPrecision(2)} times ${after > before ? "slower" : "faster"}`;
}

type Interval = { low_ms?: number | null; high_ms?: number | null };

/* The column of an interval; empty where there is none. */
function interval<T extends Interval>(show: (ms: number) => string): Column<T> {
  const cell = ({ low_ms, high_ms }: T) =>
    typeof low_ms === "number" && typeof high_ms === "number" ? (
      <span class="pale">
        {show(low_ms)} … {show(high_ms)}
      </span>
    ) : (
      ""
    );
  return { key: "interval", title: "95 % interval", number: true, cell };
}

function MovedTable({ rows, a, b }: { rows: CompareRoute[]; a: string; b: string }) {
  const { link } = useWhere();
  const columns: Column<CompareRoute>[] = [
    {
      key: "route",
      title: "Route",
      narrow: true,
      wide: true,
      value: (row) => row.route,
      cell: (row) => (
        <>
          <a href={link("compare", { a, b, route: row.route })} title="only this route">
            {row.route}
          </a>
          {answersOtherwise(row) && (
            <span class="odd">
              {" "}
              answered {row.status_before}, now {row.status_after}
            </span>
          )}
        </>
      ),
    },
    times("before", "Before", (row) => row.before_ms),
    times("after", "After", (row) => row.after_ms, { narrow: true }),
    {
      key: "change",
      title: "Change",
      number: true,
      narrow: true,
      value: (row) => (typeof row.change_ms === "number" ? Math.abs(row.change_ms) : null),
      cell: (row) => <Change row={row} />,
    },
    interval(showChange),
    { key: "p95", title: "p95 before", number: true, cell: (row) => <Maybe ms={row.p95_before_ms} /> },
    { key: "p95a", title: "p95 after", number: true, cell: (row) => <Maybe ms={row.p95_after_ms} /> },
    {
      key: "n",
      title: "Requests",
      number: true,
      cell: (row) => `${showCount(row.requests_before)} / ${showCount(row.requests_after)}`,
    },
  ];
  if (rows.length === 0) return <Empty>No request is on either side.</Empty>;
  return (
    <Rows
      caption="What moved"
      columns={columns}
      rows={rows}
      id={(row) => row.route}
      href={(row) => link("route", { route: row.route })}
      sort="change"
    />
  );
}

function Maybe({ ms }: { ms: number | null | undefined }) {
  return typeof ms === "number" ? <Ms ms={ms} /> : <span class="pale">–</span>;
}

function Change({ row }: { row: CompareRoute }) {
  if (!row.enough)
    return (
      <span class="pale" title="under 8 requests on a side">
        too few requests
      </span>
    );
  if (typeof row.change_ms !== "number") return <Absent />;
  if (row.machine)
    return (
      <span class="pale" title="others had the processors, or it computes at another speed">
        {showChange(row.change_ms)} (the machine)
      </span>
    );
  if (!row.changed)
    return (
      <span class="pale" title="within noise">
        {showChange(row.change_ms)} (noise)
      </span>
    );
  const colour = answersOtherwise(row) ? "odd" : row.change_ms > 0 ? "bad" : "good";
  return <b class={colour}>{showChange(row.change_ms)}</b>;
}

const DRIFT_LEAST = 0.03;

/* Functions, statements and waits of one route that moved more than noise. */
function Causes({ row }: { row: CompareRoute | undefined }) {
  if (!row?.moved) return null;
  const drift = typeof row.drift === "number" && Math.abs(row.drift - 1) >= DRIFT_LEAST ? row.drift : 1;
  const most = Math.max(...row.moved.map((moved) => Math.abs(moved.change_ms)), 0);
  const columns: Column<Moved>[] = [
    { key: "what", title: "What", narrow: true, wide: true, cell: (moved) => <MovedName moved={moved} /> },
    { key: "mb", title: "Before", number: true, cell: (moved) => <Ms ms={moved.before_ms} /> },
    { key: "ma", title: "After", number: true, cell: (moved) => <Ms ms={moved.after_ms} /> },
    {
      key: "mc",
      title: "Change",
      number: true,
      narrow: true,
      value: (moved) => Math.abs(moved.change_ms),
      cell: (moved) => (
        <span
          class="amount"
          title={
            typeof moved.low_ms === "number"
              ? `95 %: ${showChange(moved.low_ms)} to ${showChange(moved.high_ms ?? 0)}`
              : ""
          }
        >
          <b class={moved.change_ms > 0 ? "bad" : "good"}>{showChange(moved.change_ms)}</b>
          <Bar share={most > 0 ? Math.abs(moved.change_ms) / most : 0} />
        </span>
      ),
    },
  ];
  return (
    <Section
      title={`What moved in ${row.route}`}
      note={`a request, own time, threads added up; noise is left out${drift === 1 ? "" : `; the machine ran ${drift > 1 ? "slower" : "faster"} by ${showShare(Math.abs(drift - 1), 1)}, which is taken out`}`}
    >
      {row.moved.length === 0 ? (
        <Empty>Nothing beyond noise.</Empty>
      ) : (
        <Rows
          caption="What moved in the route"
          columns={columns}
          rows={row.moved.slice(0, MOVED_MOST)}
          id={(moved) =>
            `${moved.what} ${moved.file}:${moved.line} ${moved.function} ${moved.statement} ${moved.wait}`
          }
          word="msort"
        />
      )}
    </Section>
  );
}

const MOVED_MOST = 20;

function MovedName({ moved }: { moved: Moved }) {
  if (moved.what === "statement") {
    return (
      <span class="named">
        <i class="swatch k-sql" aria-hidden="true" />
        <SqlLine text={moved.statement ?? ""} />
      </span>
    );
  }
  const kind = moved.wait ?? "cpu";
  return (
    <>
      {moved.what === "wait" && (
        <>
          <i class={`swatch k-${kindOf(kind).key}`} aria-hidden="true" />
          {kindOf(kind).name}{" "}
        </>
      )}
      {moved.function}{" "}
      <Code
        place={{ file: moved.file ?? null, line: moved.line ?? null }}
        bare
        plain={moved.application === false}
      />
    </>
  );
}

function FindingTable({ rows }: { rows: CompareFinding[] }) {
  const { link } = useWhere();
  const columns: Column<CompareFinding>[] = [
    {
      key: "state",
      title: "State",
      narrow: true,
      value: (row) => row.state,
      cell: (row) => <span class={`state ${row.state}`}>{row.state}</span>,
    },
    {
      key: "title",
      title: "Finding",
      narrow: true,
      wide: true,
      cell: (row) => (
        <>
          {row.title} <Code place={row} bare />
        </>
      ),
    },
    {
      key: "route",
      title: "Route",
      cell: (row) => <a href={link("route", { route: row.route })}>{row.route}</a>,
    },
    {
      key: "predicted",
      title: "Predicted",
      number: true,
      value: (row) => row.predicted_saving_ms,
      cell: (row) => <Maybe ms={row.predicted_saving_ms} />,
    },
    {
      key: "measured",
      title: "Measured",
      about: "saved a request, of its own time on the critical path",
      number: true,
      narrow: true,
      value: (row) => row.measured_saving_ms,
      cell: (row) => <Maybe ms={row.measured_saving_ms} />,
    },
    interval(showMs),
  ];
  return <Rows caption="Findings compared" columns={columns} rows={rows} id={(row) => row.id} word="fsort" />;
}

function Diff({ a, b, route }: { a: string; b: string; route: string }) {
  const asked = useAsk<DiffAnswer>(question("diff", { a, b, route }), false);
  return (
    <Answered asked={asked}>
      {(data) =>
        data.before.nodes.length === 0 || data.after.nodes.length === 0 ? (
          <Empty>One side has no call tree; level trace records them.</Empty>
        ) : (
          <DeltaFlame data={data} />
        )
      }
    </Answered>
  );
}
