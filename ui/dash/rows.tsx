/* rows.tsx -- a table of rows that lead somewhere: sorted by its heads, walked by j and k, opened by Enter. */
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { showBytes, showCount } from "../model/show";
import { Absent, Bar, Ms } from "./parts";
import { useWhere } from "./use";

export interface Column<T> {
  key: string;
  title: string;
  about?: string;
  number?: boolean;
  narrow?: boolean; // stays on a narrow screen
  wide?: boolean; // takes what room is left
  cell: (row: T) => ComponentChildren;
  value?: (row: T) => number | string | null | undefined; // sorts here; without it the head is only a text, unless `order`
  order?: string; // sorts at the server: the word of its `sort`
}

type Figure<T> = (row: T) => number | null | undefined;
type More<T> = Partial<Column<T>>;

/* A column of figures, sorted by them; what was not recorded says so. */
function figures<T>(
  key: string,
  title: string,
  of: Figure<T>,
  show: (figure: number) => ComponentChildren,
  more: More<T>,
): Column<T> {
  const cell = (row: T) => {
    const figure = of(row);
    return typeof figure === "number" ? show(figure) : <Absent />;
  };
  return { key, title, number: true, value: of, cell, ...more };
}

export function times<T>(key: string, title: string, of: Figure<T>, more: More<T> = {}): Column<T> {
  return figures(key, title, of, (ms) => <Ms ms={ms} />, more);
}

export function counts<T>(key: string, title: string, of: Figure<T>, more: More<T> = {}): Column<T> {
  return figures(key, title, of, showCount, more);
}

export function sizes<T>(key: string, title: string, of: Figure<T>, more: More<T> = {}): Column<T> {
  return figures(key, title, of, showBytes, more);
}

/** Times with a bar of each one's share of the largest. */
export function amounts<T>(
  key: string,
  title: string,
  rows: T[],
  of: (row: T) => number,
  kind?: (row: T) => string,
): Column<T> {
  const most = Math.max(...rows.map(of), 0);
  const cell = (row: T) => (
    <span class="amount">
      <Ms ms={of(row)} />
      <Bar share={most > 0 ? of(row) / most : 0} {...(kind ? { kind: kind(row) } : {})} />
    </span>
  );
  return { key, title, number: true, narrow: true, value: of, cell };
}

interface Props<T> {
  caption: string;
  columns: Column<T>[];
  rows: T[];
  id: (row: T) => string;
  href?: (row: T) => string;
  word?: string; // of the URL: how the table is sorted
  sort?: string; // at first: a column's key, "-" before it for the other direction; "" as they come
  open?: (row: T) => ComponentChildren; // below the row, over all columns
}

function compare(a: number | string | null | undefined, b: number | string | null | undefined): number {
  const none = (v: unknown) => v === null || v === undefined;
  if (none(a) || none(b)) return none(a) && none(b) ? 0 : none(a) ? 1 : -1; // what is not known comes last
  if (typeof a === "number" && typeof b === "number") return b - a;
  return String(a).localeCompare(String(b));
}

export function Rows<T>({ caption, columns, rows, id, href, word = "sort", sort = "", open }: Props<T>) {
  const { where, set } = useWhere();
  const sorted = where.words[word] ?? sort;
  const reverse = sorted.startsWith("-");
  const key = sorted.replace(/^-/, "");
  const column = columns.find((c) => c.key === key);
  const shown = useMemo(() => {
    if (!column?.value) return rows;
    const value = column.value;
    const list = [...rows].sort((a, b) => compare(value(a), value(b)));
    return reverse ? list.reverse() : list;
  }, [rows, sorted]);
  const head = (c: Column<T>) => {
    if (c.order) set({ [word]: c.order, offset: "" });
    else if (key === c.key) set({ [word]: reverse ? c.key : `-${c.key}` });
    else set({ [word]: c.key });
  };
  return (
    <div class="rows">
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((c) => {
              const up = c.order === undefined && reverse === (c.number ?? false); // the server's orders all begin with the most
              const on = c.order ? sorted === c.order : c.value !== undefined && key === c.key;
              return (
                <th
                  key={c.key}
                  scope="col"
                  class={classes(c)}
                  title={c.about}
                  aria-sort={on ? (up ? "ascending" : "descending") : "none"}
                >
                  {c.value || c.order ? (
                    <button type="button" onClick={() => head(c)}>
                      {c.title}
                      <span aria-hidden="true">{on ? (up ? " ↑" : " ↓") : ""}</span>
                    </button>
                  ) : (
                    c.title
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => {
            const target = href?.(row);
            const below = open?.(row);
            return [
              <tr
                key={id(row)}
                {...(target ? { "data-row": target, tabIndex: -1, class: "leads" } : {})}
                onClick={target ? (event) => follow(event, target) : undefined}
              >
                {columns.map((c) => (
                  <td key={c.key} class={classes(c)}>
                    {c.cell(row)}
                  </td>
                ))}
              </tr>,
              below ? (
                <tr key={`${id(row)} below`} class="below">
                  <td colSpan={columns.length}>{below}</td>
                </tr>
              ) : null,
            ];
          })}
        </tbody>
      </table>
    </div>
  );
}

function classes<T>(c: Column<T>): string {
  return [`c-${c.key}`, c.number ? "num" : "", c.narrow ? "" : "extra", c.wide ? "wide" : ""]
    .filter(Boolean)
    .join(" ");
}

/* A click anywhere in the row opens it, except on what is a link or button itself, or at the end of marking text. */
export function follow(event: MouseEvent, target: string): void {
  if ((event.target as Element).closest("a, button, input")) return;
  if (String(window.getSelection() ?? "") !== "") return;
  if (event.ctrlKey || event.metaKey) window.open(target);
  else location.hash = target;
}
