/* delta.tsx -- the differential flame graph: boxes as wide as the larger side, red where the after side takes longer, blue where it takes less. */
import { useMemo, useRef, useState } from "preact/hooks";
import type { DiffAnswer } from "../api/types";
import { cut, FONT, ROW } from "../draw/flame";
import { type Delta, deltaOf, hasThreads } from "../model/delta";
import { showChange, showMs } from "../model/show";
import { useDrawing } from "../views/canvas";
import { useDark } from "../views/views";
import { styleColour, useWidth } from "./use";

const STRONGEST = 0.75; // opacity where a box is all change
const ROWS_MOST = 40;

interface Box {
  node: number;
  x: number;
  width: number;
  y: number;
}

/* What is wide enough to see, from the zoomed box down. */
function boxesOf(delta: Delta, at: number, width: number): Box[] {
  const { tree } = delta;
  const scale = width / Math.max(tree.total[at], 1);
  const boxes: Box[] = [];
  for (let i = at; i < tree.end[at]; ) {
    const w = tree.total[i] * scale;
    const depth = tree.depth[i] - tree.depth[at];
    if (w < 0.7 || depth >= ROWS_MOST) {
      i = tree.end[i];
      continue;
    }
    boxes.push({ node: i, x: (tree.start[i] - tree.start[at]) * scale, width: w, y: depth * ROW });
    i++;
  }
  return boxes;
}

function changeClass(change: number): string {
  return change === 0 ? "pale" : change > 0 ? "bad" : "good";
}

export function DeltaFlame({ data }: { data: DiffAnswer }) {
  const [threads, setThreads] = useState(false);
  const delta = useMemo(() => deltaOf(data.before, data.after, threads), [data, threads]);
  const beside = useMemo(() => hasThreads(data.before.nodes) || hasThreads(data.after.nodes), [data]);
  const [at, setAt] = useState(0);
  const [hover, setHover] = useState(-1);
  const [frame, width] = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const dark = useDark();
  const boxes = useMemo(
    () => boxesOf(delta, Math.min(at, delta.tree.count - 1), Math.max(width, 10)),
    [delta, at, width],
  );
  const height = Math.max(...boxes.map((box) => box.y), 0) + ROW;
  const name = (node: number) =>
    delta.tree.fn[node] < 0 || node === 0 ? "all" : delta.names[delta.tree.fn[node]];
  useDrawing(canvas, (context, size) => {
    const [grew, shrank, text, rest] = ["--grew", "--shrank", "--text", "--raised"].map(styleColour);
    context.clearRect(0, 0, size.width, size.height);
    context.font = FONT;
    context.textBaseline = "middle";
    for (const box of boxes) {
      const change = delta.after[box.node] - delta.before[box.node];
      const larger = Math.max(delta.after[box.node], delta.before[box.node], 1);
      const w = box.width > 2 ? box.width - 0.75 : box.width;
      context.fillStyle = rest;
      context.fillRect(box.x, box.y, w, ROW - 1);
      context.globalAlpha = Math.min(Math.abs(change) / larger, 1) * STRONGEST;
      context.fillStyle = change > 0 ? grew : shrank;
      context.fillRect(box.x, box.y, w, ROW - 1);
      context.globalAlpha = 1;
      if (box.width > 40) {
        context.fillStyle = text;
        const label = `${name(box.node)} ${showChange(change / 1e6)}`;
        context.fillText(cut(context, label, box.width - 8), box.x + 4, box.y + ROW / 2);
      }
      if (box.node === hover) {
        context.strokeStyle = text;
        context.strokeRect(box.x + 0.5, box.y + 0.5, Math.max(w - 1, 1), ROW - 2);
      }
    }
  });
  const find = (event: MouseEvent) =>
    boxes.find(
      (box) =>
        event.offsetY >= box.y &&
        event.offsetY < box.y + ROW &&
        event.offsetX >= box.x &&
        event.offsetX < box.x + box.width,
    )?.node ?? -1;
  const told = hover >= 0 && hover < delta.tree.count ? hover : at;
  const largest = useMemo(() => {
    const order = Array.from({ length: delta.tree.count }, (_, i) => i).filter((i) => i > 0);
    const size = (i: number) => Math.abs(delta.after[i] - delta.before[i]);
    return order.sort((a, b) => size(b) - size(a)).slice(0, 30);
  }, [delta]);
  return (
    <div class="delta" ref={frame} data-dark={dark}>
      <p class="under" aria-live="polite">
        <span>
          <b>{name(told)}</b> <span class="pale">{told > 0 ? delta.places[delta.tree.fn[told]] : ""}</span>{" "}
          {showMs(delta.before[told] / 1e6)} → {showMs(delta.after[told] / 1e6)}{" "}
          <b class={changeClass(delta.after[told] - delta.before[told])}>
            {showChange((delta.after[told] - delta.before[told]) / 1e6)}
          </b>
        </span>
        {beside && (
          <button
            type="button"
            class="toggle"
            aria-pressed={threads}
            onClick={() => {
              setAt(0);
              setHover(-1);
              setThreads(!threads);
            }}
          >
            Threads beside it
          </button>
        )}
        {at > 0 && (
          <button type="button" data-key="Escape" onClick={() => setAt(0)}>
            Everything (Esc)
          </button>
        )}
      </p>
      <canvas
        ref={canvas}
        class="lanes"
        role="img"
        aria-label="Differential flame graph; a table follows"
        style={{ height: `${height}px` }}
        onPointerMove={(event) => setHover(find(event))}
        onPointerLeave={() => setHover(-1)}
        onClick={(event) => {
          const node = find(event);
          if (node >= 0) setAt(node === at ? 0 : node);
        }}
      />
      <table class="behind">
        <caption>The largest changes</caption>
        <thead>
          <tr>
            <th scope="col">Function</th>
            <th scope="col">Before</th>
            <th scope="col">After</th>
          </tr>
        </thead>
        <tbody>
          {largest.map((node) => (
            <tr key={node}>
              <th scope="row">{name(node)}</th>
              <td>{showMs(delta.before[node] / 1e6)}</td>
              <td>{showMs(delta.after[node] / 1e6)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
