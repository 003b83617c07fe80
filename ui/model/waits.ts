/* waits.ts -- waits of a request's single lanes, added up by what was waited for and where, and by who had the lock. */
import type { Holder, Place, WaitRow } from "../api/types";

export type Grouped<T> = T & { lanes: number }; // how many threads and tasks waited so; 1 where they are not told apart

interface Single {
  count: number;
  total_ms: number;
  max_ms?: number;
  lane?: number;
}

function group<T extends Single>(rows: T[], keyOf: (row: T) => string): Grouped<T>[] {
  const groups = new Map<string, { sum: Grouped<T>; lanes: Set<number | undefined> }>();
  for (const row of rows) {
    const known = groups.get(keyOf(row));
    if (!known) {
      groups.set(keyOf(row), { sum: { ...row, lanes: 1 }, lanes: new Set([row.lane]) });
      continue;
    }
    const { sum, lanes } = known;
    lanes.add(row.lane);
    sum.lanes = lanes.size;
    sum.count += row.count;
    sum.total_ms += row.total_ms;
    if (row.max_ms !== undefined) sum.max_ms = Math.max(sum.max_ms ?? 0, row.max_ms);
  }
  return Array.from(groups.values(), ({ sum }) => sum);
}

const placeOf = (place: Place) => `${place.file}:${place.line} ${place.function} ${place.via}`;

export const keyOfWait = (row: WaitRow) => `${row.kind} ${row.peer} ${placeOf(row)}`;
export const keyOfHolder = (row: Holder) => `${row.kind} ${row.request} ${row.thread} ${placeOf(row)}`;

export const groupWaits = (rows: WaitRow[]): Grouped<WaitRow>[] => group(rows, keyOfWait);
export const groupHolders = (rows: Holder[]): Grouped<Holder>[] => group(rows, keyOfHolder);
