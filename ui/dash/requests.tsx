/* requests.tsx -- single requests: filtered, sorted, a page at a time. */
import type { RequestRow, RequestsAnswer } from "../api/types";
import { showBytes, showCount, showMoment, showMs } from "../model/show";
import { question, type Words } from "../model/where";
import { Absent, Answer, Answered, Bar, Entry, Ms, Status } from "./parts";
import { type Column, Rows } from "./rows";
import { useAsk, useLive, useWhere } from "./use";

const LIMIT = 50;
const OFFSET_MOST = 10_000;

const STATUS: [string, string][] = [
  ["", "any status"],
  ["errors", "failed"],
  ["2xx", "2xx"],
  ["3xx", "3xx"],
  ["4xx", "4xx"],
  ["5xx", "5xx"],
];
const METHODS = ["", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const SORTS: [string, string][] = [
  ["", "newest first"],
  ["oldest", "oldest first"],
  ["slowest", "slowest first"],
  ["fastest", "fastest first"],
  ["sql", "most statements"],
  ["sql_time", "most SQL time"],
  ["cpu", "most CPU"],
  ["status", "by status"],
];

export function Requests() {
  const { where, scope } = useWhere();
  const {
    route = "",
    status = "",
    method = "",
    text = "",
    input = "",
    worker = "",
    min_ms = "",
    max_ms = "",
    sort = "",
  } = where.words;
  const offset = Math.min(Number(where.words.offset ?? 0) || 0, OFFSET_MOST);
  const words: Words = {
    ...scope,
    route,
    status,
    method,
    text,
    input,
    worker,
    min_ms,
    max_ms,
    sort,
    limit: String(LIMIT),
    offset: offset > 0 ? String(offset) : "",
  };
  const asked = useAsk<RequestsAnswer>(question("requests", words));
  return (
    <>
      <Filters />
      <Answered asked={asked}>{(data) => <List data={data} />}</Answered>
    </>
  );
}

function Filters() {
  const { where, set } = useWhere();
  const { meta } = useLive();
  const { words } = where;
  const change = (part: Words, replace = false) => set({ ...part, offset: "" }, replace);
  const filtered = ["route", "status", "method", "text", "input", "worker", "min_ms", "max_ms"].some(
    (word) => words[word],
  );
  return (
    <search class="filters">
      <input
        type="search"
        class="find short"
        placeholder="Route or id  /"
        aria-label="Route, endpoint or id"
        value={words.text ?? ""}
        onInput={(event) => change({ text: event.currentTarget.value }, true)}
      />
      <select
        class="route"
        aria-label="Route"
        value={words.route ?? ""}
        onChange={(event) => change({ route: event.currentTarget.value })}
      >
        <option value="">any route</option>
        {(meta?.routes ?? []).map((route) => (
          <option key={route} value={route}>
            {route}
          </option>
        ))}
        {words.route && !meta?.routes.includes(words.route) && (
          <option value={words.route}>{words.route}</option>
        )}
      </select>
      <select
        aria-label="Method"
        value={words.method ?? ""}
        onChange={(event) => change({ method: event.currentTarget.value })}
      >
        {METHODS.map((method) => (
          <option key={method} value={method}>
            {method === "" ? "any method" : method}
          </option>
        ))}
      </select>
      <select
        aria-label="Status"
        value={words.status ?? ""}
        onChange={(event) => change({ status: event.currentTarget.value })}
      >
        {STATUS.map(([value, title]) => (
          <option key={value} value={value}>
            {title}
          </option>
        ))}
        {words.status && !STATUS.some(([value]) => value === words.status) && (
          <option value={words.status}>{words.status}</option>
        )}
      </select>
      <Entry
        type="search"
        class="argument"
        placeholder="Argument: a=1"
        label="Argument, header or key of query, form or JSON"
        value={words.input ?? ""}
        onEnter={(text) => change({ input: text.trim() })}
      />
      <Entry
        class="worker"
        inputMode="numeric"
        size={6}
        placeholder="Worker"
        label="Worker, by the number that a request's page shows"
        value={words.worker ?? ""}
        onEnter={(text) => change({ worker: whole(text) })}
      />
      <span class="least">
        from{" "}
        <Entry
          inputMode="decimal"
          size={4}
          value={words.min_ms ?? ""}
          label="Duration from, in ms"
          onEnter={(text) => change({ min_ms: number(text) })}
        />{" "}
        to{" "}
        <Entry
          inputMode="decimal"
          size={4}
          value={words.max_ms ?? ""}
          label="Duration to, in ms"
          onEnter={(text) => change({ max_ms: number(text) })}
        />{" "}
        ms
      </span>
      <select
        aria-label="Order"
        value={words.sort ?? ""}
        onChange={(event) => change({ sort: event.currentTarget.value })}
      >
        {SORTS.map(([value, title]) => (
          <option key={value} value={value}>
            {title}
          </option>
        ))}
      </select>
      {filtered && (
        <button
          type="button"
          class="link"
          data-key="Escape"
          onClick={() =>
            change({
              route: "",
              status: "",
              method: "",
              text: "",
              input: "",
              worker: "",
              min_ms: "",
              max_ms: "",
            })
          }
        >
          no filter
        </button>
      )}
    </search>
  );
}

function whole(text: string): string {
  return /^[1-9]\d{0,9}$/.test(text.trim()) ? text.trim() : "";
}

function number(text: string): string {
  return /^\d+(\.\d+)?$/.test(text.trim()) ? text.trim() : "";
}

/* Of very many requests only the newest are looked at; arguments are in the detail of each request, so only the first of an order. */
function lookedAt({ looked_at, newest }: RequestsAnswer): string {
  const first =
    looked_at && looked_at.requests < looked_at.of
      ? ` among the first ${showCount(looked_at.requests)} of ${showCount(looked_at.of)}`
      : "";
  return newest
    ? `${first} among the newest ${showCount(newest.requests)} of ${showCount(newest.of)} in this time`
    : first;
}

function List({ data }: { data: RequestsAnswer }) {
  const { link } = useWhere();
  const most = Math.max(...data.requests.map((row) => row.duration_ms), 0);
  const columns: Column<RequestRow>[] = [
    {
      key: "when",
      title: "Began",
      order: "newest",
      cell: (row) => <span class="mono">{showMoment(row.start_ns / 1e6)}</span>,
    },
    {
      key: "route",
      title: "Route",
      narrow: true,
      wide: true,
      cell: (row) => (
        <>
          <a href={link("request", { id: row.id })}>{row.route}</a>
          {row.exception && <span class="bad"> {row.exception}</span>}
          <span class="only-narrow mono pale">{showMoment(row.start_ns / 1e6)}</span>
        </>
      ),
    },
    {
      key: "status",
      title: "Status",
      number: true,
      narrow: true,
      order: "status",
      cell: (row) => <Status status={row.status} />,
    },
    {
      key: "took",
      title: "Took",
      number: true,
      narrow: true,
      order: "slowest",
      cell: (row) => (
        <span class="amount">
          <Ms ms={row.duration_ms} />
          <Bar share={most > 0 ? row.duration_ms / most : 0} />
        </span>
      ),
    },
    { key: "cpu", title: "CPU", number: true, order: "cpu", cell: (row) => <Ms ms={row.cpu_ms} /> },
    {
      key: "sqln",
      title: "SQL",
      number: true,
      order: "sql",
      cell: (row) => (typeof row.sql_count === "number" ? `${showCount(row.sql_count)}×` : <Absent />),
    },
    {
      key: "sqlt",
      title: "SQL time",
      number: true,
      order: "sql_time",
      cell: (row) => <Ms ms={row.sql_ms} />,
    },
    {
      key: "bytes",
      title: "Size",
      number: true,
      cell: (row) => (typeof row.bytes_out === "number" ? showBytes(row.bytes_out) : <Absent />),
    },
    { key: "level", title: "Level", cell: (row) => <span class="pale">{row.level}</span> },
    { key: "id", title: "Id", cell: (row) => <span class="mono pale">{row.id.slice(0, 8)}</span> },
  ];
  if (data.requests.length === 0)
    return <Answer>No request matches{lookedAt(data)}. Take a filter away, or a longer time.</Answer>;
  const slow = [...data.requests].sort((a, b) => b.duration_ms - a.duration_ms)[0];
  return (
    <>
      <Answer>
        {data.total === 1 ? "One request matches" : `${showCount(data.total)} requests match`}
        {lookedAt(data)}; the slowest of those shown took{" "}
        <a href={link("request", { id: slow.id })}>{showMs(slow.duration_ms)}</a>.
      </Answer>
      <Rows
        caption="Requests"
        columns={columns}
        rows={data.requests}
        id={(row) => row.id}
        href={(row) => link("request", { id: row.id })}
        sort="newest"
      />
      <Pager total={data.total} offset={data.offset} limit={data.limit} />
    </>
  );
}

/** Which stretch of a list is shown, and the stretches beside it. */
export function Pager({ total, offset, limit }: { total: number; offset: number; limit: number }) {
  const { set } = useWhere();
  if (total <= limit && offset === 0) return null;
  const to = (start: number) => set({ offset: start > 0 ? String(start) : "" });
  return (
    <p class="pager">
      <button type="button" disabled={offset === 0} onClick={() => to(Math.max(offset - limit, 0))}>
        ← back
      </button>{" "}
      {showCount(offset + 1)} to {showCount(Math.min(offset + limit, total))} of {showCount(total)}{" "}
      <button
        type="button"
        disabled={offset + limit >= total || offset + limit > OFFSET_MOST}
        onClick={() => to(offset + limit)}
      >
        more →
      </button>
    </p>
  );
}
