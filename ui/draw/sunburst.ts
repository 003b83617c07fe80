/* sunburst.ts -- a tree as rings: the zoomed node in the middle, what it calls around it. */
import type { CallTree } from "../model/tree";
import { bucketOf, type Palette } from "./colour";
import { cut, FONT } from "./flame";

const RINGS_MOST = 14;
const LEAST = 0.0025; // radians: narrower arcs are not drawn

export interface BurstView {
  centre: number; // node in the middle
  width: number;
  height: number;
}

export interface BurstPaint {
  palette: Palette;
  hits: Uint8Array | null;
  selected: number;
  hover: number;
  label: (node: number) => string;
}

interface Geometry {
  x: number;
  y: number;
  ring: number; // thickness
  rings: number;
}

function geometry(tree: CallTree, view: BurstView): Geometry {
  let deepest = tree.depth[view.centre];
  for (let i = view.centre; i < tree.end[view.centre]; i++) {
    if (tree.depth[i] > deepest && tree.total[i] >= tree.total[view.centre] * 0.002) deepest = tree.depth[i];
  }
  const rings = Math.max(Math.min(deepest - tree.depth[view.centre], RINGS_MOST), 3);
  const radius = Math.max(Math.min(view.width, view.height) / 2 - 8, 20);
  return { x: view.width / 2, y: view.height / 2, ring: radius / (rings + 1), rings };
}

function eachArc(
  tree: CallTree,
  view: BurstView,
  rings: number,
  visit: (node: number, ring: number, from: number, to: number) => void,
): void {
  const whole = tree.total[view.centre];
  if (!(whole > 0)) return;
  const base = tree.depth[view.centre];
  for (let i = view.centre + 1; i < tree.end[view.centre]; ) {
    const from = ((tree.start[i] - tree.start[view.centre]) / whole) * 2 * Math.PI;
    const to = from + (tree.total[i] / whole) * 2 * Math.PI;
    if (to - from < LEAST || tree.depth[i] - base > rings) {
      i = tree.end[i];
      continue;
    }
    visit(i, tree.depth[i] - base, from, to);
    i++;
  }
}

export function drawBurst(
  context: CanvasRenderingContext2D,
  tree: CallTree,
  view: BurstView,
  paint: BurstPaint,
): void {
  const { palette } = paint;
  const { theme } = palette;
  context.fillStyle = theme.background;
  context.fillRect(0, 0, view.width, view.height);
  if (tree.count === 0) return;
  const shape = geometry(tree, view);
  context.font = FONT;
  context.textBaseline = "middle";
  context.textAlign = "center";
  eachArc(tree, view, shape.rings, (node, ring, from, to) => {
    const bucket = bucketOf(palette, paint.hits, tree.fn[node]);
    trace(context, shape, ring, from, to);
    context.fillStyle = palette.fill[bucket];
    context.fill();
    context.strokeStyle = theme.background;
    context.lineWidth = to - from > 0.01 ? 1 : 0.25;
    context.stroke();
    arcText(context, shape, ring, from, to, paint.label(node), palette.text[bucket]);
  });
  for (const [node, colour, width] of [
    [paint.hover, theme.text, 1],
    [paint.selected, theme.accent, 2],
  ] as const) {
    eachArc(tree, view, shape.rings, (at, ring, from, to) => {
      if (at !== node) return;
      trace(context, shape, ring, from, to);
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.stroke();
    });
  }
  context.beginPath();
  context.arc(shape.x, shape.y, shape.ring - 1, 0, 2 * Math.PI);
  context.fillStyle = palette.fill[bucketOf(palette, paint.hits, tree.fn[view.centre])];
  context.fill();
  context.fillStyle = theme.text;
  context.fillText(cut(context, paint.label(view.centre), shape.ring * 2 - 12), shape.x, shape.y);
  context.textAlign = "left";
}

/* Angles run clockwise from the top. */
function trace(
  context: CanvasRenderingContext2D,
  shape: Geometry,
  ring: number,
  from: number,
  to: number,
): void {
  const turn = -Math.PI / 2;
  context.beginPath();
  context.arc(shape.x, shape.y, (ring + 1) * shape.ring, from + turn, to + turn);
  context.arc(shape.x, shape.y, ring * shape.ring, to + turn, from + turn, true);
  context.closePath();
}

function arcText(
  context: CanvasRenderingContext2D,
  shape: Geometry,
  ring: number,
  from: number,
  to: number,
  text: string,
  colour: string,
): void {
  const radius = (ring + 0.5) * shape.ring;
  if ((to - from) * radius < 13 || shape.ring < 30) return;
  const shown = cut(context, text, shape.ring - 8);
  if (shown === "") return;
  const angle = (from + to) / 2 - Math.PI / 2;
  context.save();
  context.translate(shape.x + radius * Math.cos(angle), shape.y + radius * Math.sin(angle));
  context.rotate(Math.cos(angle) < 0 ? angle + Math.PI : angle);
  context.fillStyle = colour;
  context.fillText(shown, 0, 0);
  context.restore();
}

/** The node at a point; the middle is the centre's; -1 for none. */
export function burstAt(tree: CallTree, view: BurstView, x: number, y: number): number {
  if (tree.count === 0) return -1;
  const shape = geometry(tree, view);
  const radius = Math.hypot(x - shape.x, y - shape.y);
  const ring = Math.floor(radius / shape.ring);
  if (ring === 0) return view.centre;
  if (ring > shape.rings) return -1;
  let angle = Math.atan2(y - shape.y, x - shape.x) + Math.PI / 2;
  if (angle < 0) angle += 2 * Math.PI;
  let found = -1;
  eachArc(tree, view, shape.rings, (node, at, from, to) => {
    if (at === ring && angle >= from && angle < to) found = node;
  });
  return found;
}

/** Path data of the arcs, for SVG. */
export function burstPaths(tree: CallTree, view: BurstView): { node: number; d: string }[] {
  const shape = geometry(tree, view);
  const paths: { node: number; d: string }[] = [];
  const point = (radius: number, angle: number) =>
    `${(shape.x + radius * Math.sin(angle)).toFixed(1)} ${(shape.y - radius * Math.cos(angle)).toFixed(1)}`;
  eachArc(tree, view, shape.rings, (node, ring, from, to) => {
    const upto = Math.min(to, from + 2 * Math.PI - 1e-4);
    const large = upto - from > Math.PI ? 1 : 0;
    const outer = (ring + 1) * shape.ring;
    const inner = ring * shape.ring;
    const r = (value: number) => value.toFixed(1);
    paths.push({
      node,
      d: `M${point(outer, from)}A${r(outer)} ${r(outer)} 0 ${large} 1 ${point(outer, upto)}L${point(inner, upto)}A${r(inner)} ${r(inner)} 0 ${large} 0 ${point(inner, from)}Z`,
    });
  });
  return paths;
}
