/* table.tsx -- functions as a table: sorted by a click on a head, filtered by the search; only the rows in sight are in the document. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { showShare } from "../model/show";
import { type Link, linksOf, perCall, type Row, type SortKey, sortRows } from "../model/table";
import type { Data } from "./data";
import { csvCell, type Exporter } from "./export";
import type { State } from "./state";

const ROW = 26;

interface Column {
  key: SortKey;
  title: string;
  about: string;
  number: boolean;
}

const COLUMNS: Column[] = [
  { key: "self", title: "Itself", about: "without what it calls", number: true },
  { key: "total", title: "Total", about: "with what it calls; recursion counts once", number: true },
  { key: "calls", title: "Calls", about: "all / outermost where it calls itself", number: true },
  { key: "percall", title: "Per call", about: "total a call", number: true },
  { key: "name", title: "Function", about: "", number: false },
  { key: "place", title: "Place", about: "", number: false },
];

interface Props {
  data: Data;
  state: State;
  hits: Uint8Array | null;
  compact?: boolean; // beside another view: itself, total and name only
  onChange: (change: Partial<State>) => void;
  exporter: Exporter | null;
}

export function Table({ data, state, hits, compact, onChange, exporter }: Props) {
  const rows = useMemo(() => {
    const all = data.rows(state.lane).filter((row) => !hits || hits[row.fn]);
    return sortRows(all, state.sort, state.reverse, data.profile, data.places);
  }, [data, state.lane, state.sort, state.reverse, hits]);
  const columns = compact ? COLUMNS.filter((column) => /^(self|total|name)$/.test(column.key)) : COLUMNS;
  const scroller = useRef<HTMLDivElement>(null);
  const [window_, setWindow] = useState({ first: 0, count: 60 });
  const look = () => {
    const element = scroller.current;
    if (!element) return;
    const first = Math.max(Math.floor(element.scrollTop / ROW) - 20, 0);
    const count = Math.ceil(element.clientHeight / ROW) + 40;
    if (first !== window_.first || count !== window_.count) setWindow({ first, count });
  };
  useLayoutEffect(look, [rows]);
  const chosen = rows.findIndex((row) => row.fn === state.fn);
  useEffect(() => {
    const element = scroller.current;
    if (!element || chosen < 0) return;
    const y = chosen * ROW;
    if (y < element.scrollTop || y > element.scrollTop + element.clientHeight - 3 * ROW) {
      element.scrollTop = y - element.clientHeight / 3;
    }
  }, [chosen]);
  if (exporter) {
    exporter.name = "functions";
    exporter.csv = () => csv(data, rows);
  }
  const first = Math.min(window_.first, Math.max(rows.length - 1, 0));
  const shown = rows.slice(first, first + window_.count);
  const whole = data.whole(state.lane);
  const choose = (at: number) => {
    const row = rows[Math.min(Math.max(at, 0), rows.length - 1)];
    if (row) onChange({ fn: row.fn });
  };
  const key = (event: KeyboardEvent) => {
    const page = Math.max(Math.floor((scroller.current?.clientHeight ?? 0) / ROW) - 2, 1);
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page }[event.key];
    if (step !== undefined) choose(chosen < 0 ? 0 : chosen + step);
    else if (event.key === "Home") choose(0);
    else if (event.key === "End") choose(rows.length - 1);
    else if (event.key === "Enter" && chosen >= 0) onChange({ view: "sandwich" });
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      class={compact ? "list compact" : "list"}
      ref={scroller}
      onScroll={look}
      onKeyDown={key}
      tabIndex={0}
      role="region"
      aria-label="Functions; arrow keys choose a row"
    >
      <table aria-rowcount={rows.length + 1}>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.key} column={column} state={state} onChange={onChange} />
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr class="space" style={{ height: `${first * ROW}px` }} />}
          {shown.map((row, k) => (
            <tr
              key={row.fn}
              class={row.fn === state.fn ? "chosen" : ""}
              aria-selected={row.fn === state.fn}
              aria-rowindex={first + k + 2}
              onClick={() => onChange({ fn: row.fn })}
              onDblClick={() => onChange({ fn: row.fn, view: "sandwich" })}
            >
              {columns.map((column) => (
                <Cell key={column.key} column={column} row={row} data={data} whole={whole} />
              ))}
            </tr>
          ))}
          {first + shown.length < rows.length && (
            <tr class="space" style={{ height: `${(rows.length - first - shown.length) * ROW}px` }} />
          )}
        </tbody>
      </table>
      {rows.length === 0 && <p class="none">No function matches.</p>}
    </div>
  );
}

function Head({ column, state, onChange }: { column: Column; state: State; onChange: Props["onChange"] }) {
  const sorted = state.sort === column.key;
  const upwards = column.number === state.reverse;
  return (
    <th
      scope="col"
      class={column.number ? `number ${column.key}` : column.key}
      aria-sort={sorted ? (upwards ? "ascending" : "descending") : "none"}
    >
      <button
        type="button"
        title={column.about}
        onClick={() => onChange({ sort: column.key, reverse: sorted ? !state.reverse : false })}
      >
        {column.title}
        <span aria-hidden="true">{sorted ? (upwards ? " ↑" : " ↓") : ""}</span>
      </button>
    </th>
  );
}

function Cell({ column, row, data, whole }: { column: Column; row: Row; data: Data; whole: number }) {
  const { functions, profile } = data;
  const known = profile.meta.callsKnown;
  switch (column.key) {
    case "self":
    case "total": {
      const value = row[column.key];
      const share = whole > 0 ? Math.min(value / whole, 1) : 0;
      return (
        <td class={`number ${column.key}`}>
          <span class={functions.app[row.fn] ? "bar app" : "bar"} style={{ width: `${share * 72}px` }} />
          <span class="value">{data.value(value)}</span>
          <span class="share">{showShare(value, whole)}</span>
        </td>
      );
    }
    case "calls":
      return (
        <td class="number calls">
          {data.calls(row.calls)}
          {known && row.primitive !== row.calls && <span class="share">/{data.calls(row.primitive)}</span>}
        </td>
      );
    case "percall":
      return <td class="number percall">{known && row.primitive > 0 ? data.perCall(perCall(row)) : "–"}</td>;
    case "name":
      return (
        <td class={functions.app[row.fn] ? "name app" : "name"} title={functions.name[row.fn]}>
          {functions.name[row.fn]}
        </td>
      );
    default:
      return (
        <td class="place" title={functions.file[row.fn]}>
          {data.places[row.fn]}
        </td>
      );
  }
}

function csv(data: Data, rows: Row[]): string {
  const { functions, profile } = data;
  const unit = profile.meta.unit === "time" ? "_ns" : "";
  const lines = [`self${unit},total${unit},calls,primitive_calls,function,file,line`];
  for (const row of rows) {
    const known = profile.meta.callsKnown;
    const cells = [row.self, row.total, known ? row.calls : "", known ? row.primitive : ""];
    const { name, file, line } = functions;
    lines.push([...cells, name[row.fn], file[row.fn], line[row.fn]].map(csvCell).join(","));
  }
  return `${lines.join("\n")}\n`;
}

interface AroundProps {
  data: Data;
  state: State;
  onChange: (change: Partial<State>) => void;
}

/** Who called the chosen function, and whom it called: exact, also where stacks are not. */
export function Around({ data, state, onChange }: AroundProps) {
  if (state.fn < 0 || state.fn >= data.functions.count) {
    return <p class="none">Choose a function to see who calls it and what it calls.</p>;
  }
  const edges = data.edges(state.lane);
  return (
    <div class="around">
      {(["callers", "callees"] as const).map((which) => (
        <Links
          key={which}
          which={which}
          links={linksOf(edges, state.fn, which)}
          data={data}
          onChange={onChange}
        />
      ))}
    </div>
  );
}

const LINKS_MOST = 100;

function Links(props: {
  which: "callers" | "callees";
  links: Link[];
  data: Data;
  onChange: Props["onChange"];
}) {
  const { which, links, data, onChange } = props;
  return (
    <section>
      <h2>
        {which === "callers" ? `Called by ${links.length || "nobody"}` : `Calls ${links.length || "nothing"}`}
      </h2>
      {links.length > 0 && (
        <table>
          <thead class="unseen">
            <tr>
              <th scope="col">Total</th>
              <th scope="col">Calls</th>
              <th scope="col">Function</th>
            </tr>
          </thead>
          <tbody>
            {links.slice(0, LINKS_MOST).map((link) => (
              <tr key={link.fn}>
                <td
                  class="number"
                  title={
                    which === "callers"
                      ? "time of the function below this caller"
                      : "time of this callee below the function"
                  }
                >
                  {data.profile.meta.edgeTimes ? "" : "≈ "}
                  {data.value(link.total)}
                </td>
                <td class="number">{data.profile.meta.callsKnown ? `${data.calls(link.calls)}×` : ""}</td>
                <td class={data.functions.app[link.fn] ? "name app" : "name"}>
                  <button
                    type="button"
                    class="link"
                    onClick={() => onChange({ fn: link.fn })}
                    title={data.places[link.fn]}
                  >
                    {data.functions.name[link.fn]}
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {links.length > LINKS_MOST && <p class="none">and {links.length - LINKS_MOST} more</p>}
    </section>
  );
}
