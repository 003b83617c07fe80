/* timeline.ts -- draws the lanes of a request: what each thread did when, and the critical path through them. */
import type { LaneRow, Stretch } from "../api/types";
import { FONT } from "./flame";

export const LANE = 18;
export const AXIS = 20;

export interface TimelineView {
  from: number; // ms at the edges
  to: number;
  width: number;
  gutter: number; // px at the left for the lanes' names
}

export interface TimelinePaint {
  colour: (state: string) => string;
  text: string;
  pale: string;
  line: string;
  accent: string;
  names: string[];
  ticks: { ms: number; text: string }[];
}

export function xOf(view: TimelineView, ms: number): number {
  return view.gutter + ((ms - view.from) / (view.to - view.from)) * (view.width - view.gutter);
}

export function msAt(view: TimelineView, x: number): number {
  return view.from + ((x - view.gutter) / (view.width - view.gutter)) * (view.to - view.from);
}

export function timelineHeight(lanes: LaneRow[]): number {
  return AXIS + lanes.length * LANE + 4;
}

export function drawTimeline(
  context: CanvasRenderingContext2D,
  lanes: LaneRow[],
  critical: Stretch[],
  view: TimelineView,
  paint: TimelinePaint,
): void {
  context.font = FONT;
  context.textBaseline = "middle";
  drawAxis(context, lanes, view, paint);
  const order = new Map(lanes.map((lane, row) => [lane.lane, row]));
  const onPath = new Map<number, Stretch[]>();
  for (const stretch of critical) {
    onPath.set(stretch.lane, [...(onPath.get(stretch.lane) ?? []), stretch]);
  }
  lanes.forEach((lane, row) => {
    drawLane(context, lane, row, view, paint);
    for (const stretch of onPath.get(lane.lane) ?? []) {
      const left = Math.max(xOf(view, stretch.from_ms), view.gutter);
      const right = Math.min(xOf(view, stretch.to_ms), view.width);
      if (right <= view.gutter || left >= view.width) continue;
      context.fillStyle = paint.text;
      context.fillRect(left, AXIS + row * LANE + LANE - 4, Math.max(right - left, 1.5), 2);
    }
  });
  drawSteps(context, critical, order, view, paint);
}

function drawAxis(
  context: CanvasRenderingContext2D,
  lanes: LaneRow[],
  view: TimelineView,
  paint: TimelinePaint,
): void {
  const height = timelineHeight(lanes);
  context.textAlign = "center";
  for (const tick of paint.ticks) {
    const x = Math.round(xOf(view, tick.ms)) + 0.5;
    if (x < view.gutter - 1 || x > view.width) continue;
    context.fillStyle = paint.line;
    context.fillRect(x, AXIS, 1, height - AXIS);
    context.fillStyle = paint.pale;
    const half = context.measureText(tick.text).width / 2;
    context.fillText(tick.text, Math.min(Math.max(x, view.gutter + half), view.width - half), AXIS / 2);
  }
}

function drawLane(
  context: CanvasRenderingContext2D,
  lane: LaneRow,
  row: number,
  view: TimelineView,
  paint: TimelinePaint,
): void {
  const y = AXIS + row * LANE;
  context.fillStyle = paint.pale;
  context.textAlign = "left";
  if (view.gutter > 20) context.fillText(paint.names[row] ?? "", 0, y + LANE / 2 - 1, view.gutter - 6);
  let painted = view.gutter; // right edge so far: what shares a pixel is drawn once
  for (const piece of lane.pieces) {
    const left = Math.max(xOf(view, piece.from_ms), view.gutter);
    const right = Math.min(xOf(view, piece.to_ms), view.width);
    if (right < view.gutter || left > view.width || right - painted < 0.3) continue;
    context.fillStyle = paint.colour(piece.state);
    // Waiting is lower than working, so that colour is not all that tells them apart.
    const busy = piece.state === "run" || piece.state === "sql" || piece.state === "gc";
    const inset = busy ? 2 : 5;
    context.fillRect(left, y + inset, Math.max(right - left, 0.75), LANE - 4 - inset);
    painted = right;
  }
}

/* Where the critical path goes from one lane to another. */
function drawSteps(
  context: CanvasRenderingContext2D,
  critical: Stretch[],
  order: Map<number, number>,
  view: TimelineView,
  paint: TimelinePaint,
): void {
  context.strokeStyle = paint.text;
  context.lineWidth = 1;
  context.setLineDash([2, 2]);
  for (let k = 1; k < critical.length; k++) {
    const from = order.get(critical[k - 1].lane);
    const to = order.get(critical[k].lane);
    const x = xOf(view, critical[k].from_ms);
    if (from === undefined || to === undefined || from === to || x < view.gutter || x > view.width) continue;
    context.beginPath();
    context.moveTo(x, AXIS + from * LANE + LANE - 3);
    context.lineTo(x, AXIS + to * LANE + LANE - 3);
    context.stroke();
  }
  context.setLineDash([]);
}
