/* lane.ts -- the lanes of one request as the timeline shows them: which, in which order, named how; and what was going on at a place in them. */
import type { Call, Execution, LaneRow, RequestAnswer, Span, TreeNode } from "../api/types";

export const LANES_MOST = 60;

/** The lanes to draw: the main one, those on the critical path, then the longest; in the order they began. */
export function lanesToDraw(lanes: LaneRow[], most = LANES_MOST): LaneRow[] {
  const weight = (lane: LaneRow) =>
    (lane.lane === 0 ? 1e12 : 0) + (lane.critical_ms ?? 0) * 1e6 + (lane.end_ms - lane.start_ms);
  const chosen =
    lanes.length <= most ? lanes : [...lanes].sort((a, b) => weight(b) - weight(a)).slice(0, most);
  return [...chosen].sort((a, b) => a.start_ms - b.start_ms || a.lane - b.lane);
}

export function laneName(lane: LaneRow): string {
  return lane.lane === 0 ? "main" : `${lane.kind} ${lane.lane}`;
}

export interface Moment {
  lane: LaneRow;
  state: string;
  from_ms: number;
  to_ms: number;
}

/** The piece of a lane at a moment. */
export function momentAt(lane: LaneRow, ms: number): Moment | null {
  for (const piece of lane.pieces) {
    if (ms >= piece.from_ms && ms < piece.to_ms) {
      return { lane, state: piece.state, from_ms: piece.from_ms, to_ms: piece.to_ms };
    }
  }
  return null;
}

export interface Within {
  executions: Execution[];
  spans: Span[];
  calls: Call[];
  stack: TreeNode[]; // innermost first
}

const SHOWN_MOST = 20;

/** What happened in a piece: statements, waits and outgoing calls that overlap it, and the stack of the first of them. */
export function within(request: RequestAnswer, moment: Moment): Within {
  const lane = moment.lane.lane;
  const overlaps = (from: number, to: number) => from < moment.to_ms && to > moment.from_ms;
  const executions = (request.executions ?? [])
    .filter(
      (run) => run.lane === lane && overlaps(run.at_ms, run.at_ms + run.execute_ms + (run.fetch_ms ?? 0)),
    )
    .slice(0, SHOWN_MOST);
  const spans = (request.spans ?? [])
    .filter((span) => span.lane === lane && overlaps(span.from_ms, span.to_ms))
    .slice(0, SHOWN_MOST);
  const calls = (request.calls ?? [])
    .filter((call) => call.lane === lane && overlaps(call.at_ms, call.at_ms + call.total_ms))
    .slice(0, SHOWN_MOST);
  const node =
    spans.find((span) => span.node !== undefined)?.node ??
    executions.find((run) => run.node !== undefined)?.node;
  return { executions, spans, calls, stack: node === undefined ? [] : stackOf(request.nodes ?? [], node) };
}

/** From a node out to the request, innermost first, without the root. */
export function stackOf(nodes: TreeNode[], node: number): TreeNode[] {
  const byId = new Map(nodes.map((row) => [row.node, row]));
  const stack: TreeNode[] = [];
  for (let at = byId.get(node); at && at.parent >= 0 && stack.length < 200; at = byId.get(at.parent))
    stack.push(at);
  return stack;
}
