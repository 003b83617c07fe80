/* flame.ts -- draws a laid-out tree as rows of boxes: a flame graph (root at the bottom) or an icicle (root on top).
 *
 * One walk over the tree, whole subtrees skipped when they are outside or narrower than a pixel; boxes are collected by colour, because changing the
 * colour costs more than a box. Narrow neighbours in one row become one box a pixel, so a frame draws what the screen can show, never the tree.
 */
import type { CallTree } from "../model/tree";
import { bucketOf, type Palette } from "./colour";

export const ROW = 20;
const LABEL_LEAST = 34; // px: narrower boxes have no text

export interface FlameView {
  x0: number; // values at the left and right edges
  x1: number;
  top: number; // px scrolled
  width: number; // px, CSS
  height: number;
  flip: boolean; // root at the bottom
  skip: number; // rows not drawn: 1 leaves the root out
  low: boolean; // a flipped picture lower than the view stands at its foot
}

export interface FlamePaint {
  palette: Palette;
  hits: Uint8Array | null;
  selected: number;
  fn: number; // function whose boxes are marked
  hover: number;
  label: (node: number) => string;
}

/** Height of the whole picture. */
export function flameHeight(tree: CallTree, view: Pick<FlameView, "skip">): number {
  return Math.max(tree.height - view.skip, 1) * ROW;
}

/** Top of a row of the tree within the picture as it is scrolled. */
export function rowTop(tree: CallTree, view: FlameView, depth: number): number {
  const row = depth - view.skip;
  const rows = Math.max(tree.height - view.skip, 1);
  if (!view.flip) return row * ROW - view.top;
  const bottom = view.low ? Math.max(rows * ROW, view.height) : rows * ROW;
  return bottom - (row + 1) * ROW - view.top;
}

/** What one walk finds to draw: boxes by colour, and the nodes wide enough for a text. */
interface Found {
  boxes: number[][]; // by bucket: x, y, width, …
  texts: number[];
  marked: number[];
}

function find(tree: CallTree, view: FlameView, paint: FlamePaint): Found {
  const { palette, hits } = paint;
  const scale = view.width / (view.x1 - view.x0);
  const boxes: number[][] = palette.fill.map(() => []);
  const texts: number[] = [];
  const marked: number[] = [];
  const painted = new Float64Array(tree.height + 1).fill(-1); // right edge painted so far, by row
  const { start, total, depth, end, fn, count } = tree;
  for (let i = 0; i < count; ) {
    const left = (start[i] - view.x0) * scale;
    const right = left + total[i] * scale;
    if (right <= 0 || left >= view.width || right - left < 0.05) {
      i = end[i];
      continue;
    }
    const y = rowTop(tree, view, depth[i]);
    if (view.flip ? y < -ROW : y > view.height) {
      i = end[i];
      continue;
    }
    const from = left < 0 ? 0 : left;
    const to = right > view.width ? view.width : right;
    const visible = y > -ROW && y < view.height && depth[i] >= view.skip;
    if (to - from < 1.5) {
      // Narrow: one pixel for all that share it; below half a pixel nothing deeper could be told apart.
      if (visible && to > painted[depth[i]] + 0.5) {
        const x = Math.floor(from);
        boxes[bucketOf(palette, hits, fn[i])].push(x, y, 1);
        painted[depth[i]] = x + 1;
      }
      i = right - left < 0.5 ? end[i] : i + 1;
      continue;
    }
    if (visible) {
      boxes[bucketOf(palette, hits, fn[i])].push(from, y, to - from > 2.5 ? to - from - 0.75 : to - from);
      painted[depth[i]] = to;
      if (to - from >= LABEL_LEAST) texts.push(i);
      if (fn[i] === paint.fn && paint.fn >= 0) marked.push(i);
    }
    i++;
  }
  return { boxes, texts, marked };
}

/** Draw a frame. `context` is scaled to CSS pixels. */
export function drawFlame(
  context: CanvasRenderingContext2D,
  tree: CallTree,
  view: FlameView,
  paint: FlamePaint,
): void {
  const { palette } = paint;
  const { theme } = palette;
  context.fillStyle = theme.background;
  context.fillRect(0, 0, view.width, view.height);
  if (!(view.x1 > view.x0)) return;
  const found = find(tree, view, paint);
  for (let b = 0; b < found.boxes.length; b++) {
    const list = found.boxes[b];
    if (list.length === 0) continue;
    context.fillStyle = palette.fill[b];
    for (let k = 0; k < list.length; k += 3) context.fillRect(list[k], list[k + 1], list[k + 2], ROW - 1);
  }
  drawTexts(context, tree, view, paint, found.texts);
  for (const node of found.marked) outline(context, tree, view, node, theme.accent, 1);
  outline(context, tree, view, paint.hover, theme.text, 1);
  outline(context, tree, view, paint.selected, theme.accent, 2);
}

function drawTexts(
  context: CanvasRenderingContext2D,
  tree: CallTree,
  view: FlameView,
  paint: FlamePaint,
  nodes: number[],
): void {
  const scale = view.width / (view.x1 - view.x0);
  context.font = FONT;
  context.textBaseline = "middle";
  let colour = "";
  for (const i of nodes) {
    const left = Math.max((tree.start[i] - view.x0) * scale, 0);
    const right = Math.min((tree.start[i] + tree.total[i] - view.x0) * scale, view.width);
    const text = cut(context, paint.label(i), right - left - 9);
    if (text === "") continue;
    const wanted = paint.palette.text[bucketOf(paint.palette, paint.hits, tree.fn[i])];
    if (wanted !== colour) {
      colour = wanted;
      context.fillStyle = colour;
    }
    context.fillText(text, left + 4, rowTop(tree, view, tree.depth[i]) + ROW / 2);
  }
}

export const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

const widths = new Map<string, number>();

function widthOf(context: CanvasRenderingContext2D, text: string): number {
  let width = widths.get(text);
  if (width === undefined) {
    if (widths.size > 50000) widths.clear();
    width = context.measureText(text).width;
    widths.set(text, width);
  }
  return width;
}

/** The text, or its beginning with an ellipsis, or nothing, to fit `room` pixels. */
export function cut(context: CanvasRenderingContext2D, text: string, room: number): string {
  const width = widthOf(context, text);
  if (width <= room) return text;
  const fit = Math.floor((text.length * (room - 9)) / width);
  return fit >= 2 ? `${text.slice(0, fit)}…` : "";
}

function outline(
  context: CanvasRenderingContext2D,
  tree: CallTree,
  view: FlameView,
  node: number,
  colour: string,
  width: number,
): void {
  if (node < 0 || node >= tree.count) return;
  const scale = view.width / (view.x1 - view.x0);
  const left = Math.max((tree.start[node] - view.x0) * scale, 0);
  const right = Math.min((tree.start[node] + tree.total[node] - view.x0) * scale, view.width);
  if (right <= left - 1) return;
  context.strokeStyle = colour;
  context.lineWidth = width;
  const y = rowTop(tree, view, tree.depth[node]);
  context.strokeRect(left + width / 2, y + width / 2, Math.max(right - left - width, 1), ROW - 1 - width);
}

/** The node at a point of the picture; -1 for none. */
export function flameAt(tree: CallTree, view: FlameView, x: number, y: number): number {
  if (tree.count === 0 || !(view.x1 > view.x0)) return -1;
  const value = view.x0 + (x / view.width) * (view.x1 - view.x0);
  const zero = rowTop(tree, view, view.skip);
  const depth = view.skip + (view.flip ? Math.floor((zero + ROW - y) / ROW) : Math.floor((y - zero) / ROW));
  let at = 0;
  while (at >= 0 && tree.depth[at] < depth) {
    let child = at + 1;
    while (child < tree.end[at] && value >= tree.start[child] + tree.total[child]) child = tree.end[child];
    at = child < tree.end[at] && value >= tree.start[child] ? child : -1;
  }
  return at >= 0 && tree.depth[at] === depth && depth >= view.skip ? at : -1;
}
