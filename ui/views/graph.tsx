/* graph.tsx -- the call graph: heavy functions as boxes, calls as arrows as thick as their share. Drag to move, Ctrl and wheel to zoom, click to choose. */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { bucketOf, type Palette } from "../draw/colour";
import { escapeXml } from "../draw/svg";
import { type Graph, selectGraph } from "../model/graph";
import { type Placed, placeLayers } from "../model/layers";
import { showShare } from "../model/show";
import type { Data } from "./data";
import { type Exporter, svgPng } from "./export";
import type { State } from "./state";

const BOX_HEIGHT = 46;
const NODES_MOST = 60;
const CHARACTERS = 30;

export interface GraphProps {
  data: Data;
  state: State;
  palette: Palette;
  hits: Uint8Array | null;
  onChange: (change: Partial<State>) => void;
  exporter: Exporter;
}

export function CallGraph({ data, state, palette, hits, onChange, exporter }: GraphProps) {
  const [least, setLeast] = useState(0.01);
  const [around, setAround] = useState(false);
  const whole = data.whole(state.lane);
  const centre = around ? state.fn : -1;
  const graph = useMemo(() => {
    const options = { least, leastEdge: least / 5, most: NODES_MOST, around: centre };
    return selectGraph(data.rows(state.lane), data.edges(state.lane), data.functions, whole, options);
  }, [data, state.lane, least, centre]);
  const placed = useMemo(() => place(data, graph), [graph]);
  const [move, setMove] = useState({ x: 0, y: 0, scale: 0 });
  const drag = useRef<{ x: number; y: number } | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(900);
  useLayoutEffect(() => setWidth(frame.current?.clientWidth || 900));
  const fit = Math.min(1, Math.max((width - 32) / Math.max(placed.width, 1), 0.6));
  const scale = move.scale > 0 ? move.scale : fit;
  const offset = move.scale > 0 ? move.x : startOffset(placed, scale, width);
  const top = move.scale > 0 ? move.y : 16;
  exporter.name = "graph";
  exporter.svg = () => document_(data, graph, placed, palette, whole);
  exporter.png = () =>
    svgPng(document_(data, graph, placed, palette, whole), placed.width + 32, placed.height + 32);
  const zoom = (factor: number, x: number, y: number) => {
    const next = Math.min(Math.max(scale * factor, 0.1), 4);
    setMove({ x: x - ((x - offset) * next) / scale, y: y - ((y - top) * next) / scale, scale: next });
  };
  return (
    <div class="graph">
      <div class="knobs">
        <label>
          Functions from{" "}
          <select value={String(least)} onChange={(event) => setLeast(Number(event.currentTarget.value))}>
            {[0.001, 0.005, 0.01, 0.02, 0.05, 0.1].map((share) => (
              <option key={share} value={String(share)}>
                {showShare(share, 1)}
              </option>
            ))}
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            checked={around}
            disabled={state.fn < 0}
            onChange={(event) => setAround(event.currentTarget.checked)}
          />{" "}
          only around the chosen function
        </label>
        <button type="button" onClick={() => zoom(1.25, width / 2, 200)} aria-label="Larger">
          +
        </button>
        <button type="button" onClick={() => zoom(0.8, width / 2, 200)} aria-label="Smaller">
          −
        </button>
        <button type="button" onClick={() => setMove({ x: 0, y: 0, scale: 0 })}>
          Fit
        </button>
        <span class="note">
          {graph.nodes.length} functions
          {graph.hidden > 0 &&
            `, ${graph.hidden} more above the threshold left out: from ${showShare(graph.least, 1)} to stay readable`}
        </span>
      </div>
      <div
        class="canvas"
        ref={frame}
        onPointerDown={(event) => {
          drag.current = { x: event.clientX - offset, y: event.clientY - top };
        }}
        onPointerMove={(event) => {
          if (!drag.current || event.buttons === 0) return;
          setMove({ x: event.clientX - drag.current.x, y: event.clientY - drag.current.y, scale });
        }}
        onPointerUp={() => {
          drag.current = null;
        }}
        onWheel={(event) => {
          event.preventDefault();
          const box = event.currentTarget.getBoundingClientRect();
          if (event.ctrlKey || event.metaKey) {
            zoom(Math.exp(-event.deltaY * 0.003), event.clientX - box.left, event.clientY - box.top);
          } else {
            setMove({ x: offset - event.deltaX, y: top - event.deltaY, scale });
          }
        }}
      >
        <svg
          width="100%"
          height="100%"
          role="group"
          aria-label="Call graph; Tab goes from function to function"
        >
          <g transform={`translate(${offset} ${top}) scale(${scale})`}>
            {placed.wires.map((wire, k) => (
              <path
                key={`${wire.from} ${wire.to}`}
                d={curve(wire.points)}
                class={wire.back ? "wire back" : "wire"}
                stroke-width={thickness(graph.edges[k].total, whole)}
              >
                <title>{edgeTitle(data, graph, k, whole)}</title>
              </path>
            ))}
            {placed.wires.map((wire, k) => (
              <path key={`${wire.from} ${wire.to}`} d={arrow(wire.points)} class="arrow">
                <title>{edgeTitle(data, graph, k, whole)}</title>
              </path>
            ))}
            {graph.nodes.map(({ row }, k) => {
              const box = placed.boxes[k];
              const bucket = bucketOf(palette, hits, row.fn);
              const choose = () => onChange({ fn: row.fn });
              return (
                <g
                  key={row.fn}
                  class={row.fn === state.fn ? "node chosen" : "node"}
                  transform={`translate(${box.x - box.width / 2} ${box.y})`}
                  role="button"
                  tabIndex={0}
                  onClick={choose}
                  onDblClick={() => onChange({ fn: row.fn, view: "sandwich" })}
                  onKeyDown={(event) => {
                    if (event.key === "Enter" || event.key === " ") choose();
                  }}
                >
                  <title>{nodeTitle(data, row.fn, row.total, row.self, whole)}</title>
                  <rect width={box.width} height={BOX_HEIGHT} rx="3" fill={palette.fill[bucket]} />
                  <text x={box.width / 2} y="18" fill={palette.text[bucket]}>
                    {shorten(data.labels[row.fn])}
                  </text>
                  <text x={box.width / 2} y="35" fill={palette.text[bucket]} class="small">
                    {figures(data, row.total, row.self, row.calls, whole)}
                  </text>
                </g>
              );
            })}
          </g>
        </svg>
      </div>
    </div>
  );
}

/* Where the graph begins: in the middle, or where it is wider than its frame with the heaviest function in the middle, as far as there is graph beside it. */
function startOffset(placed: Placed, scale: number, width: number): number {
  const right = width - 16 - placed.width * scale;
  if (right >= 16 || placed.boxes.length === 0) return (width - placed.width * scale) / 2;
  return Math.min(Math.max(width / 2 - placed.boxes[0].x * scale, right), 16);
}

function shorten(text: string): string {
  return text.length > CHARACTERS ? `${text.slice(0, CHARACTERS - 1)}…` : text;
}

function figures(data: Data, total: number, self: number, calls: number, whole: number): string {
  const count = data.profile.meta.callsKnown ? ` · ${data.calls(calls)}×` : "";
  return `${showShare(total, whole)} · itself ${showShare(self, whole)}${count}`;
}

function place(data: Data, graph: Graph): Placed {
  const widths = graph.nodes.map(({ row }) =>
    Math.max(Math.min(data.labels[row.fn].length, CHARACTERS) * 7.4 + 20, 190),
  );
  return placeLayers(widths, graph.edges, { boxHeight: BOX_HEIGHT, rowGap: 44, columnGap: 18 });
}

function thickness(total: number, whole: number): number {
  return 1 + 7 * Math.min(total / whole, 1);
}

function nodeTitle(data: Data, fn: number, total: number, self: number, whole: number): string {
  return `${data.functions.name[fn]} ${data.places[fn]}\n${data.value(total)} (${showShare(total, whole)}), itself ${data.value(self)}`;
}

function edgeTitle(data: Data, graph: Graph, k: number, whole: number): string {
  const edge = graph.edges[k];
  const name = (node: number) => data.functions.name[graph.nodes[node].row.fn];
  const calls = data.profile.meta.callsKnown ? `, ${data.calls(edge.calls)} calls` : "";
  return `${name(edge.from)} → ${name(edge.to)}\n${data.value(edge.total)} (${showShare(edge.total, whole)})${calls}`;
}

function curve(points: { x: number; y: number }[]): string {
  const parts = [`M${points[0].x} ${points[0].y}`];
  for (let k = 1; k < points.length; k++) {
    const from = points[k - 1];
    const to = points[k];
    const middle = (from.y + to.y) / 2;
    parts.push(`C${from.x} ${middle} ${to.x} ${middle} ${to.x} ${to.y}`);
  }
  return parts.join("");
}

/* A wire ends downwards, or upwards where it closes a cycle. */
function arrow(points: { x: number; y: number }[]): string {
  const { x, y } = points[points.length - 1];
  const d = points[points.length - 2].y <= y ? -8 : 8;
  return `M${x} ${y}l-4 ${d}h8Z`;
}

/** The graph as a file of its own. */
function document_(data: Data, graph: Graph, placed: Placed, palette: Palette, whole: number): string {
  const { theme } = palette;
  const width = Math.ceil(placed.width + 32);
  const height = Math.ceil(placed.height + 32);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="-16 -16 ${width} ${height}" font-family="system-ui, sans-serif">`,
    `<rect x="-16" y="-16" width="${width}" height="${height}" fill="${theme.background}"/>`,
  ];
  placed.wires.forEach((wire, k) => {
    const dash = wire.back ? ' stroke-dasharray="5 4"' : "";
    const title = `<title>${escapeXml(edgeTitle(data, graph, k, whole))}</title>`;
    const style = `fill="none" stroke="${theme.textPale}" stroke-opacity="0.55" stroke-width="${thickness(graph.edges[k].total, whole).toFixed(1)}"${dash}`;
    parts.push(`<path d="${curve(wire.points)}" ${style}>${title}</path>`);
    parts.push(`<path d="${arrow(wire.points)}" fill="${theme.textPale}"/>`);
  });
  graph.nodes.forEach(({ row }, k) => {
    const box = placed.boxes[k];
    const bucket = palette.bucket[row.fn];
    const text = `text-anchor="middle" fill="${palette.text[bucket]}"`;
    parts.push(
      `<g transform="translate(${(box.x - box.width / 2).toFixed(1)} ${box.y})">`,
      `<title>${escapeXml(nodeTitle(data, row.fn, row.total, row.self, whole))}</title>`,
      `<rect width="${box.width.toFixed(1)}" height="${BOX_HEIGHT}" rx="3" fill="${palette.fill[bucket]}"/>`,
      `<text x="${(box.width / 2).toFixed(1)}" y="18" font-size="13" ${text}>${escapeXml(shorten(data.labels[row.fn]))}</text>`,
      `<text x="${(box.width / 2).toFixed(1)}" y="35" font-size="11" ${text}>${escapeXml(figures(data, row.total, row.self, row.calls, whole))}</text></g>`,
    );
  });
  parts.push("</svg>\n");
  return parts.join("");
}
