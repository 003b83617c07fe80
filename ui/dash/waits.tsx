/* waits.tsx -- tables of what was waited for, and of who had the locks meanwhile. */
import type { Holder, WaitRow } from "../api/types";
import { kindOf } from "../model/kinds";
import { type Grouped, groupHolders, groupWaits, keyOfHolder, keyOfWait } from "../model/waits";
import { Code, To } from "./parts";
import { amounts, type Column, counts, Rows, times } from "./rows";

function KindOfWait({ kind }: { kind: string }) {
  return (
    <>
      <i class={`swatch k-${kindOf(kind).key}`} aria-hidden="true" />
      {kindOf(kind).name}
    </>
  );
}

/* Said only where some waited in several. */
function lanes<T extends { lanes: number }>(rows: T[]): Column<T>[] {
  return rows.some((row) => row.lanes > 1) ? [counts("lanes", "Threads, tasks", (row: T) => row.lanes)] : [];
}

/** Waits of a kind, for the same, from one place are a row, in however many threads they were. */
export function WaitRows({ rows: single }: { rows: WaitRow[] }) {
  const rows = groupWaits(single);
  const columns: Column<Grouped<WaitRow>>[] = [
    {
      key: "kind",
      title: "Wait",
      narrow: true,
      value: (row) => kindOf(row.kind).name,
      cell: (row) => (
        <>
          <KindOfWait kind={row.kind} />
          {row.peer && <span class="pale"> {row.peer}</span>}
          <span class="only-narrow">
            <Code place={row} name bare />
          </span>
        </>
      ),
    },
    { key: "place", title: "At", wide: true, cell: (row) => <Code place={row} name bare /> },
    ...lanes(rows),
    counts("count", "Times", (row) => row.count),
    times("max", "Longest", (row) => row.max_ms),
    amounts(
      "total",
      "Total",
      rows,
      (row) => row.total_ms,
      (row) => row.kind,
    ),
  ];
  return <Rows caption="Waits" columns={columns} rows={rows} id={keyOfWait} word="wsort" sort="total" />;
}

/** Who had the lock that a request waited for: itself in another thread, another request, a thread without one. */
export function HolderName({ holder, request }: { holder: Holder; request: string }) {
  if (holder.request === request) return <>this request</>;
  if (holder.request) {
    return (
      <To page="request" words={{ id: holder.request }}>
        {holder.route ?? "another request"}
      </To>
    );
  }
  return <>{holder.thread ? `thread ${holder.thread}` : "another thread"}</>;
}

export function Holders({ rows: single, request }: { rows: Holder[]; request: string }) {
  const rows = groupHolders(single);
  const columns: Column<Grouped<Holder>>[] = [
    { key: "kind", title: "Lock", narrow: true, cell: (row) => <KindOfWait kind={row.kind} /> },
    {
      key: "who",
      title: "Held by",
      narrow: true,
      wide: true,
      cell: (row) => (
        <>
          <HolderName holder={row} request={request} /> <Code place={row} name bare />
        </>
      ),
    },
    ...lanes(rows),
    counts("count", "Times", (row) => row.count),
    amounts(
      "held",
      "Waited",
      rows,
      (row) => row.total_ms,
      (row) => row.kind,
    ),
  ];
  return (
    <Rows
      caption="Who had the locks"
      columns={columns}
      rows={rows}
      id={keyOfHolder}
      word="hsort"
      sort="held"
    />
  );
}
