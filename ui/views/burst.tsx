/* burst.tsx -- the sunburst: click a ring to put it into the middle, the middle to go out again. */
import { useRef, useState } from "preact/hooks";
import type { Palette } from "../draw/colour";
import { type BurstView, burstAt, drawBurst } from "../draw/sunburst";
import { burstSvg } from "../draw/svg";
import type { CallTree } from "../model/tree";
import { TableBehind } from "./behind";
import { useDrawing } from "./canvas";
import type { Data } from "./data";
import { canvasPng, type Exporter } from "./export";
import { Tip } from "./tip";

interface Props {
  data: Data;
  tree: CallTree;
  palette: Palette;
  hits: Uint8Array | null;
  at: number;
  selected: number;
  onSelect: (node: number) => void;
  onZoom: (node: number) => void;
  onBack: () => void;
  exporter: Exporter;
}

export function Burst(props: Props) {
  const { data, tree, palette, hits } = props;
  const at = props.at < tree.count ? props.at : 0;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [hover, setHover] = useState({ node: -1, x: 0, y: 0 });
  const paint = { palette, hits, selected: props.selected, hover: hover.node, label: data.label(tree) };
  useDrawing(canvas, (context, size) => drawBurst(context, tree, { centre: at, ...size }, paint));
  const view = (): BurstView => ({
    centre: at,
    width: canvas.current?.clientWidth ?? 1,
    height: canvas.current?.clientHeight ?? 1,
  });
  props.exporter.name = "sunburst";
  props.exporter.svg = () => burstSvg(tree, view(), paint, (i) => data.describe(tree, i, !data.estimated));
  props.exporter.png = () => canvasPng(canvas.current);
  const click = (event: MouseEvent) => {
    const node = burstAt(tree, view(), event.offsetX, event.offsetY);
    if (node < 0) return;
    if (node === at) {
      props.onZoom(Math.max(tree.parent[at], 0));
      return;
    }
    props.onSelect(node);
    props.onZoom(node);
  };
  const key = (event: KeyboardEvent) => {
    if (event.key === "Backspace") props.onBack();
    else if (event.key === "Home" || event.key === "0") props.onZoom(0);
    else if (event.key === "Enter") props.onZoom(Math.max(props.selected, 0));
    else if (event.key === "ArrowUp") props.onZoom(Math.max(tree.parent[at], 0));
    else if (event.key === "ArrowDown") props.onZoom(heaviest(tree, at));
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      props.onSelect(turn(tree, at, props.selected, event.key === "ArrowRight"));
    } else return;
    event.preventDefault();
  };
  return (
    <div class="burst">
      <canvas
        ref={canvas}
        class="picture"
        tabIndex={0}
        role="application"
        aria-label="Sunburst. Left and right choose an arc, Enter or down goes in, up goes out. A table follows."
        onPointerMove={(event) =>
          setHover({
            node: burstAt(tree, view(), event.offsetX, event.offsetY),
            x: event.clientX,
            y: event.clientY,
          })
        }
        onPointerLeave={() => setHover({ node: -1, x: 0, y: 0 })}
        onClick={click}
        onKeyDown={key}
      />
      <Tip data={data} tree={tree} node={hover.node} x={hover.x} y={hover.y} at={at} />
      <TableBehind data={data} tree={tree} at={at} caption="Sunburst" />
    </div>
  );
}

function heaviest(tree: CallTree, at: number): number {
  let best = at;
  for (let child = at + 1; child < tree.end[at]; child = tree.end[child]) {
    if (best === at || tree.total[child] > tree.total[best]) best = child;
  }
  return best;
}

/* The next arc of the inner ring. */
function turn(tree: CallTree, at: number, selected: number, onward: boolean): number {
  const arcs: number[] = [];
  for (let child = at + 1; child < tree.end[at]; child = tree.end[child]) arcs.push(child);
  if (arcs.length === 0) return -1;
  const place = arcs.indexOf(selected);
  if (place < 0) return arcs[0];
  return arcs[(place + (onward ? 1 : arcs.length - 1)) % arcs.length];
}
