/* flame.tsx -- flame graph and icicle: zoom by click, wheel and keyboard, pan by dragging, numbers on hover. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Palette } from "../draw/colour";
import { drawFlame, type FlameView, flameAt, flameHeight, ROW, rowTop } from "../draw/flame";
import { flameSvg } from "../draw/svg";
import type { CallTree } from "../model/tree";
import { TableBehind } from "./behind";
import { type Size, useDrawing } from "./canvas";
import type { Data } from "./data";
import { canvasPng, type Exporter } from "./export";
import { Tip } from "./tip";

const ZOOM_MS = 120;

export interface FlameProps {
  data: Data;
  tree: CallTree;
  palette: Palette;
  hits: Uint8Array | null;
  flip: boolean;
  skip: number;
  low?: boolean;
  at: number; // zoomed node
  selected: number;
  fn: number; // chosen function
  caption: string;
  onSelect: (node: number) => void;
  onZoom: (node: number) => void;
  onBack: () => void;
  exporter?: Exporter;
}

interface Range {
  x0: number;
  x1: number;
}

export function Flame(props: FlameProps) {
  const { data, tree, palette, hits, flip, skip } = props;
  const at = props.at < tree.count ? props.at : 0;
  const canvas = useRef<HTMLCanvasElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const [hover, setHover] = useState({ node: -1, x: 0, y: 0 });
  const target: Range = { x0: tree.start[at] ?? 0, x1: (tree.start[at] ?? 0) + (tree.total[at] ?? 0) };
  const shown = useRef<Range>(target);
  const drag = useRef<{ x: number; range: Range; moved: boolean } | null>(null);
  const label = data.label(tree);

  const viewFor = (size: Size): FlameView => ({
    ...shown.current,
    top: scroller.current?.scrollTop ?? 0,
    width: size.width,
    height: size.height,
    flip,
    skip,
    low: props.low ?? false,
  });
  const paintOf = () => ({ palette, hits, selected: props.selected, fn: props.fn, hover: hover.node, label });
  const current = (): FlameView =>
    viewFor({ width: canvas.current?.clientWidth ?? 1, height: canvas.current?.clientHeight ?? 1 });
  const redraw = useDrawing(canvas, (context, size) => drawFlame(context, tree, viewFor(size), paintOf()));
  useGlide(shown, target, tree, redraw);
  useVertical(scroller, tree, at, flip, skip);

  if (props.exporter) {
    props.exporter.name = flip ? "flame" : "icicle";
    props.exporter.svg = () =>
      flameSvg(tree, current(), paintOf(), (i) => data.describe(tree, i, !data.estimated));
    props.exporter.png = () => canvasPng(canvas.current);
  }

  const nodeAt = (event: MouseEvent) => flameAt(tree, current(), event.offsetX, event.offsetY);
  const move = (event: PointerEvent) => {
    const from = drag.current;
    if (from && Math.abs(event.clientX - from.x) > 3) from.moved = true;
    if (from?.moved) {
      const width = canvas.current?.clientWidth ?? 1;
      pan(shown, tree, from.range, ((from.x - event.clientX) / width) * (from.range.x1 - from.range.x0));
      redraw();
      return;
    }
    setHover({ node: nodeAt(event), x: event.clientX, y: event.clientY });
  };
  const up = (event: PointerEvent) => {
    const from = drag.current;
    drag.current = null;
    if (!from || from.moved) return;
    const node = nodeAt(event);
    if (node < 0) return;
    props.onSelect(node);
    if (!event.shiftKey) props.onZoom(node);
  };
  const wheel = (event: WheelEvent) => {
    if (!event.ctrlKey && !event.metaKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
    event.preventDefault();
    const range = shown.current;
    const width = canvas.current?.clientWidth ?? 1;
    if (event.ctrlKey || event.metaKey) {
      const centre = range.x0 + (event.offsetX / width) * (range.x1 - range.x0);
      stretch(shown, tree, centre, Math.exp(event.deltaY * 0.004));
    } else {
      pan(shown, tree, range, (event.deltaX / width) * (range.x1 - range.x0));
    }
    redraw();
  };
  const key = (event: KeyboardEvent) => {
    const node = stepTo(tree, props.selected < 0 ? at : props.selected, event.key, flip);
    if (event.key === "Enter" || event.key === " ") props.onZoom(Math.max(props.selected, 0));
    else if (event.key === "Home" || event.key === "0") props.onZoom(0);
    else if (event.key === "Backspace") props.onBack();
    else if (event.key === "+" || event.key === "-") {
      const range = shown.current;
      stretch(shown, tree, (range.x0 + range.x1) / 2, event.key === "+" ? 0.7 : 1.4);
      redraw();
    } else if (node < 0) return;
    else {
      props.onSelect(Math.max(node, skip));
      reveal(scroller.current, tree, current(), node);
    }
    event.preventDefault();
  };

  return (
    <div class="flame">
      <div class="scroller" ref={scroller} onScroll={redraw}>
        <div class="tall" style={{ height: `${flameHeight(tree, { skip })}px` }} />
        <canvas
          ref={canvas}
          class="picture"
          tabIndex={0}
          role="application"
          aria-label={`${props.caption}. Arrow keys move, Enter zooms, Backspace goes back. A table follows.`}
          onPointerDown={(event) => {
            drag.current = { x: event.clientX, range: { ...shown.current }, moved: false };
          }}
          onPointerMove={move}
          onPointerUp={up}
          onPointerLeave={() => {
            drag.current = null;
            setHover({ node: -1, x: 0, y: 0 });
          }}
          onDblClick={() => props.onBack()}
          onWheel={wheel}
          onKeyDown={key}
        />
      </div>
      <Tip data={data} tree={tree} node={hover.node} x={hover.x} y={hover.y} at={at} />
      <TableBehind data={data} tree={tree} at={at} caption={props.caption} />
    </div>
  );
}

/* Glide from the range shown to the wanted one. */
function useGlide(shown: { current: Range }, target: Range, tree: CallTree, redraw: () => void): void {
  const known = useRef<CallTree>(tree);
  useEffect(() => {
    const from = { ...shown.current };
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (known.current !== tree || calm || !(from.x1 > from.x0)) {
      known.current = tree;
      shown.current = { ...target };
      redraw();
      return undefined;
    }
    const began = performance.now();
    let frame = 0;
    const step = () => {
      const part = Math.min((performance.now() - began) / ZOOM_MS, 1);
      const eased = 1 - (1 - part) ** 3;
      shown.current = {
        x0: from.x0 + (target.x0 - from.x0) * eased,
        x1: from.x1 + (target.x1 - from.x1) * eased,
      };
      redraw();
      if (part < 1) frame = requestAnimationFrame(step);
    };
    step();
    return () => cancelAnimationFrame(frame);
  }, [tree, target.x0, target.x1]);
}

/* A new tree is shown from its root; a zoom brings the zoomed box into sight. */
function useVertical(
  scroller: { current: HTMLDivElement | null },
  tree: CallTree,
  at: number,
  flip: boolean,
  skip: number,
): void {
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const row = (tree.depth[at] ?? 0) - skip;
    const rows = Math.max(tree.height - skip, 1);
    const y = flip ? (rows - row) * ROW - element.clientHeight + 2 * ROW : (row - 2) * ROW;
    element.scrollTop = at === 0 ? (flip ? rows * ROW : 0) : y;
  }, [tree, at, flip]);
}

function clampRange(tree: CallTree, x0: number, x1: number): Range {
  const whole = tree.total[0] ?? 0;
  const width = Math.min(Math.max(x1 - x0, whole * 1e-7), whole);
  const left = Math.min(Math.max(x0, 0), whole - width);
  return { x0: left, x1: left + width };
}

function pan(shown: { current: Range }, tree: CallTree, range: Range, by: number): void {
  shown.current = clampRange(tree, range.x0 + by, range.x1 + by);
}

function stretch(shown: { current: Range }, tree: CallTree, centre: number, factor: number): void {
  const { x0, x1 } = shown.current;
  shown.current = clampRange(tree, centre - (centre - x0) * factor, centre + (x1 - centre) * factor);
}

/* The box an arrow key leads to; -1 if it is none. */
function stepTo(tree: CallTree, from: number, key: string, flip: boolean): number {
  const inward = flip ? "ArrowUp" : "ArrowDown";
  const outward = flip ? "ArrowDown" : "ArrowUp";
  if (key === inward) return heaviestChild(tree, from);
  if (key === outward) return tree.parent[from] >= 0 ? tree.parent[from] : from;
  if (key !== "ArrowLeft" && key !== "ArrowRight") return -1;
  const up = tree.parent[from];
  let before = from;
  for (let child = up + 1; up >= 0 && child < tree.end[up]; child = tree.end[child]) {
    if (key === "ArrowLeft" && tree.end[child] === from) before = child;
    if (key === "ArrowRight" && child === tree.end[from]) return child;
  }
  return before;
}

function heaviestChild(tree: CallTree, from: number): number {
  let best = from;
  for (let child = from + 1; child < tree.end[from]; child = tree.end[child]) {
    if (best === from || tree.total[child] > tree.total[best]) best = child;
  }
  return best;
}

function reveal(element: HTMLElement | null, tree: CallTree, view: FlameView, node: number): void {
  if (!element) return;
  const y = rowTop(tree, view, tree.depth[node]);
  if (y < 0) element.scrollTop += y - ROW;
  else if (y + ROW > view.height) element.scrollTop += y + 2 * ROW - view.height;
}
