/* overview.tsx -- what to mend first, then the routes, then how all of it went over time. */
import { useRef } from "preact/hooks";
import type { Completeness, Overview as Data, OwnCost, RouteRow } from "../api/types";
import { showChange, showCount, showMs, showOneIn, showShare } from "../model/show";
import { question } from "../model/where";
import { Hours, Series, Spark } from "./chart";
import { FindingList } from "./finding";
import { Absent, type Anchor, Answer, Answered, Bar, Empty, Linked, Ms, Section } from "./parts";
import { type Column, Rows } from "./rows";
import { useAsk, useWhere } from "./use";

const FIRST = 5;

export function Overview() {
  const { scope } = useWhere();
  const asked = useAsk<Data>(question("overview", scope));
  return (
    <Answered asked={asked}>
      {(data) => (data.routes.length === 0 ? <Nothing data={data} /> : <Filled data={data} />)}
    </Answered>
  );
}

function Nothing({ data }: { data: Data }) {
  const { link } = useWhere();
  return (
    <>
      <Answer>No request is in this selection.</Answer>
      <Empty>
        Take a longer time or all revisions:{" "}
        <a href={link("overview", { last: "", from: "", to: "", label: "", level: "", revision: "*" })}>
          show everything
        </a>
        .
      </Empty>
      <Complete completeness={data.completeness} cost={data.own_cost} />
    </>
  );
}

/** What was recorded, what not, and what recording cost. */
export function Complete({
  completeness: c,
  cost,
}: {
  completeness: Completeness;
  cost: OwnCost | undefined;
}) {
  const by = Object.entries(c.dropped_by ?? {})
    .filter(([, n]) => n > 0)
    .map(([where, n]) => `${where} ${showCount(n)}`)
    .join(", ");
  return (
    <p class="complete">
      <span>
        <b>{showCount(c.recorded)}</b> recorded
      </span>
      {c.estimated_from_one_in && <span>{showOneIn(c.estimated_from_one_in)}</span>}
      {c.sampled_out > 0 && <span>{showCount(c.sampled_out)} sampled out</span>}
      <span class={c.dropped > 0 ? "bad" : ""} title={by}>
        {showCount(c.dropped)} dropped{by !== "" && c.dropped > 0 ? ` (${by})` : ""}
      </span>
      {c.lost > 0 && <span class="bad">{showCount(c.lost)} lost</span>}
      {(c.evicted_requests ?? 0) > 0 && (
        <span title="the store's caps took the oldest">{showCount(c.evicted_requests ?? 0)} evicted</span>
      )}
      {typeof cost?.share === "number" && (
        <span
          title={
            typeof cost.us_per_request === "number" ? `${showMs(cost.us_per_request / 1000)} a request` : ""
          }
        >
          recording cost {showShare(cost.share, 1)}, already taken out
        </span>
      )}
    </p>
  );
}

function anchorsOf(data: Data, link: ReturnType<typeof useWhere>["link"]): Anchor[] {
  const anchors: Anchor[] = data.routes.map((row) => ({
    text: row.route,
    href: link("route", { route: row.route }),
  }));
  for (const finding of data.findings) {
    const href = link("findings", { id: finding.id });
    if (finding.file) anchors.push({ text: `${finding.file}:${finding.line}`, href });
    anchors.push({ text: finding.title, href });
  }
  return anchors;
}

function Filled({ data }: { data: Data }) {
  const { link, set } = useWhere();
  const shown = data.findings.slice(0, FIRST);
  const sentence =
    data.sentence ?? data.routes.find((row) => row.sentence)?.sentence ?? "Nothing stands out.";
  return (
    <>
      <Answer aside={<Complete completeness={data.completeness} cost={data.own_cost} />}>
        <Linked text={sentence} anchors={anchorsOf(data, link)} />
      </Answer>
      {shown.length > 0 ? (
        <Section
          title="What to mend first"
          note={
            data.findings.length > FIRST ? (
              <a href={link("findings")}>all {data.findings.length} findings</a>
            ) : (
              "saving of the median request; bar: of all requests in range"
            )
          }
        >
          <FindingList findings={shown} route />
        </Section>
      ) : (
        (data.not_checked?.length ?? 0) > 0 && (
          <Empty>{data.not_checked?.length} kinds of findings need a higher level of detail.</Empty>
        )
      )}
      <Section title="Routes" note="by their share of all time">
        <RouteTable routes={data.routes} />
      </Section>
      {(data.series?.length ?? 0) > 1 && (
        <Section
          title="All requests over time"
          note={showOneIn(data.weight, "strong: median, pale: p95; drag to choose a time")}
        >
          <Series
            points={data.series ?? []}
            step_s={data.trend_step_s}
            onBrush={(from, to) => set({ from: String(from), to: String(to), last: "" })}
          />
        </Section>
      )}
      {(data.hours?.length ?? 0) > 1 && (
        <Section
          title="Hour by hour"
          note={showOneIn(data.weight, "the stronger, the slower its p95; click to see that hour")}
        >
          <Hours
            hours={data.hours ?? []}
            href={(from, to) => link("overview", { from: String(from), to: String(to), last: "" })}
          />
        </Section>
      )}
    </>
  );
}

/* What has no column of its own on a narrow screen. */
function NarrowFigures({ row }: { row: RouteRow }) {
  const quantiles = [
    ["p90", row.p90_ms],
    ["p99", row.p99_ms],
  ] as const;
  const figures = [
    `${showCount(row.requests)} ${row.requests === 1 ? "call" : "calls"}`,
    ...(row.errors > 0 ? [`${showCount(row.errors)} failed`] : []),
    ...quantiles.flatMap(([name, ms]) => (typeof ms === "number" ? [`${name} ${showMs(ms)}`] : [])),
  ];
  return (
    <span class="only-narrow more pale">
      {figures.map((figure, k) => [
        k > 0 && " · ",
        <span key={figure} class="part">
          {figure}
        </span>,
      ])}
    </span>
  );
}

/** Routes as a table; also the page that compares them. */
/* Its name, and where another route has the same, as in two applications of one process, its endpoint. */
function routeWords(row: RouteRow, routes: RouteRow[]): string[] {
  const others = routes.some((other) => other.route === row.route && other.endpoint !== row.endpoint);
  return others && row.endpoint ? [row.route, row.endpoint] : [row.route];
}

export function RouteTable({ routes }: { routes: RouteRow[] }) {
  const { link } = useWhere();
  const search = useRef<HTMLInputElement>(null);
  const { where, set } = useWhere();
  const filter = (where.words.q ?? "").toLowerCase();
  const shown = filter === "" ? routes : routes.filter((row) => row.route.toLowerCase().includes(filter));
  const whole = routes.reduce((sum, row) => sum + row.total_ms, 0);
  const shareOf = (row: RouteRow) => row.share ?? (whole > 0 ? row.total_ms / whole : 0);
  const most = Math.max(...routes.map(shareOf), 0);
  const columns: Column<RouteRow>[] = [
    {
      key: "route",
      title: "Route",
      narrow: true,
      wide: true,
      value: (row) => row.route,
      cell: (row) => (
        <>
          <a href={link("route", { route: routeWords(row, routes).join(" ") })}>{row.route}</a>
          {routeWords(row, routes)[1] && <span class="pale"> {row.endpoint}</span>}
          <NarrowFigures row={row} />
        </>
      ),
    },
    {
      key: "calls",
      title: "Calls",
      number: true,
      value: (row) => row.requests,
      cell: (row) => showCount(row.requests),
    },
    {
      key: "errors",
      title: "Errors",
      number: true,
      value: (row) => row.errors,
      cell: (row) => <span class={row.errors > 0 ? "bad" : "pale"}>{showCount(row.errors)}</span>,
    },
    {
      key: "p50",
      title: "p50",
      number: true,
      narrow: true,
      value: (row) => row.p50_ms,
      cell: (row) => <Ms ms={row.p50_ms} />,
    },
    {
      key: "p90",
      title: "p90",
      number: true,
      value: (row) => row.p90_ms,
      cell: (row) => <Ms ms={row.p90_ms} />,
    },
    {
      key: "p95",
      title: "p95",
      number: true,
      narrow: true,
      value: (row) => row.p95_ms,
      cell: (row) => <Ms ms={row.p95_ms} />,
    },
    {
      key: "p99",
      title: "p99",
      number: true,
      value: (row) => row.p99_ms,
      cell: (row) => <Ms ms={row.p99_ms} />,
    },
    {
      key: "share",
      title: "Share of all time",
      number: true,
      value: shareOf,
      cell: (row) => (
        <span class="barred">
          <Bar share={most > 0 ? shareOf(row) / most : 0} />{" "}
          <span class="share-text">{showShare(shareOf(row), 1)}</span>
        </span>
      ),
    },
    {
      key: "cpu",
      title: "CPU",
      about: "a request, mean",
      number: true,
      value: (row) => row.cpu_ms,
      cell: (row) => (
        <Amount ms={row.cpu_ms} kind="cpu" of={row.requests > 0 ? row.total_ms / row.requests : 0} />
      ),
    },
    {
      key: "sql",
      title: "SQL",
      about: "a request, mean; with how many statements",
      number: true,
      value: (row) => row.sql_ms,
      cell: (row) => (
        <Amount
          ms={row.sql_ms}
          kind="sql"
          of={row.requests > 0 ? row.total_ms / row.requests : 0}
          note={
            typeof row.sql_per_request === "number" ? `${Number(row.sql_per_request.toPrecision(3))}×` : ""
          }
        />
      ),
    },
    {
      key: "change",
      title: "Change",
      about: "of the median, since the revision before",
      number: true,
      value: (row) => row.change_ms,
      cell: (row) =>
        typeof row.change_ms === "number" ? (
          <span
            class={
              Math.abs(row.change_ms) < 0.05 * (row.before_ms ?? 0)
                ? "pale"
                : row.change_ms > 0
                  ? "bad"
                  : "good"
            }
          >
            {showChange(row.change_ms)}
          </span>
        ) : (
          <span class="pale" title="no revision before this one">
            –
          </span>
        ),
    },
    {
      key: "trend",
      title: "Trend",
      cell: (row) => <Spark values={row.trend ?? []} label={`Median of ${row.route} over time`} />,
    },
  ];
  return (
    <>
      {routes.length > 8 && (
        <input
          ref={search}
          type="search"
          class="find"
          placeholder="Search routes  /"
          aria-label="Search routes"
          value={where.words.q ?? ""}
          onInput={(event) => set({ q: event.currentTarget.value }, true)}
        />
      )}
      <Rows
        caption="Routes"
        columns={columns}
        rows={shown}
        id={(row) => row.route}
        href={(row) => link("route", { route: row.route })}
        sort="share"
      />
      {shown.length === 0 && <Empty>No route contains this text.</Empty>}
    </>
  );
}

function Amount({
  ms,
  kind,
  of,
  note,
}: {
  ms: number | null | undefined;
  kind: string;
  of: number;
  note?: string;
}) {
  if (typeof ms !== "number") return <Absent />;
  return (
    <span class="amount">
      {note && <span class="pale">{note} </span>}
      <Ms ms={ms} />
      <Bar share={of > 0 ? ms / of : 0} kind={kind} />
    </span>
  );
}
