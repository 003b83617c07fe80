/* kinds.ts -- what time is spent on: one name, one colour and one place in the order for each kind, everywhere. */
import type { LaneRow, RequestAnswer, Stretch, TimeSplit } from "../api/types";

export interface Kind {
  key: string; // of its colour: --k-KEY in dashboard.css
  name: string;
}

const KINDS: Record<string, Kind> = {
  run: { key: "cpu", name: "Python" },
  cpu: { key: "cpu", name: "CPU" },
  sql: { key: "sql", name: "SQL" },
  db: { key: "sql", name: "database" },
  dns: { key: "dns", name: "DNS" },
  connect: { key: "connect", name: "connect" },
  tls: { key: "tls", name: "TLS" },
  send: { key: "send", name: "send" },
  recv: { key: "recv", name: "network wait" },
  poll: { key: "recv", name: "poll" },
  lock: { key: "lock", name: "lock" },
  gil: { key: "gil", name: "GIL" },
  gc: { key: "gc", name: "GC" },
  template: { key: "template", name: "template" },
  disk: { key: "disk", name: "disk" },
  subprocess: { key: "sub", name: "subprocess" },
  sleep: { key: "idle", name: "sleep" },
  await: { key: "idle", name: "await" },
  loop: { key: "idle", name: "event loop busy" },
  queue: { key: "idle", name: "queue" },
  "other lane": { key: "other", name: "waits for a thread" },
  runqueue: { key: "other", name: "waiting for a CPU" },
  left: { key: "left", name: "left over" },
};

const ORDER = Object.keys(KINDS);

export function isKind(name: string): boolean {
  return Object.hasOwn(KINDS, name);
}

export function kindOf(name: string): Kind {
  return isKind(name) ? KINDS[name] : { key: "left", name };
}

export interface Part {
  kind: string;
  ms: number;
}

function sorted(sums: Map<string, number>): Part[] {
  const parts = Array.from(sums, ([kind, ms]) => ({ kind, ms })).filter((part) => part.ms > 0);
  return parts.sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
}

/** A request's time along its critical path: what each stretch's thread did in it. The parts add up to the time asked about, what no piece tells is left
 * over. */
export function splitCritical(lanes: LaneRow[], critical: Stretch[], wall: number): Part[] {
  const sums = new Map<string, number>();
  const byLane = new Map(lanes.map((lane) => [lane.lane, lane]));
  let known = 0;
  for (const stretch of critical) {
    for (const piece of byLane.get(stretch.lane)?.pieces ?? []) {
      const ms = Math.min(piece.to_ms, stretch.to_ms) - Math.max(piece.from_ms, stretch.from_ms);
      if (ms <= 0) continue;
      sums.set(piece.state, (sums.get(piece.state) ?? 0) + ms);
      known += ms;
    }
  }
  if (wall - known > wall * 0.001) sums.set("left", wall - known);
  return sorted(sums);
}

/** The mean time of requests by kind; null where the level did not record it. Of time that is CPU and wait at once the CPU's part is taken away. */
export function splitTime(time: TimeSplit | undefined): Part[] | null {
  if (!time?.kinds_ms && typeof time?.cpu_ms !== "number") return null;
  const sums = new Map<string, number>(Object.entries(time.kinds_ms ?? {}));
  const busy = time.busy_in_waits_ms ?? 0;
  if (typeof time.cpu_ms === "number") sums.set("cpu", Math.max(time.cpu_ms - busy, 0));
  if (typeof time.runqueue_ms === "number") sums.set("runqueue", time.runqueue_ms);
  if (typeof time.left_over_ms === "number") sums.set("left", Math.max(time.left_over_ms, 0));
  return sorted(sums);
}

/** Of what one request's time was made; null where its level did not record it. */
export function splitRequest(request: RequestAnswer): Part[] | null {
  const lanes = request.timeline?.lanes ?? [];
  const critical = request.timeline?.critical ?? [];
  if (critical.length > 0 && lanes.some((lane) => lane.pieces.length > 1)) {
    return splitCritical(lanes, critical, request.wall_ms ?? request.duration_ms);
  }
  return splitTime(request.time);
}
