/* chart.tsx -- charts of numbers: SVG without text of ours in it but labels; a table behind each; a part of it chosen by dragging. */
import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Bucket, Heat, Point, RevisionRow, RouteRow } from "../api/types";
import { apart, linearTicks, logTicks, momentTicks } from "../model/axis";
import { showCount, showDay, showMoment, showMs, showTick } from "../model/show";
import { useWidth } from "./use";

const LEFT = 52;
const RIGHT = 12;
const TOP = 8;
const FOOT = 20;

interface Box {
  x0: number; // shares of the plot
  x1: number;
  y0: number;
  y1: number;
}

interface PlotProps {
  height: number;
  label: string;
  both?: boolean; // the brush has two directions
  onBrush?: (box: Box) => void;
  onHover?: (x: number | null, y: number) => ComponentChildren;
  draw: (width: number, height: number) => ComponentChildren; // in a plot from 0, 0
  behind: ComponentChildren;
}

const LEAST_PX = 4;

/** A plot with room for its axes, what is told at the pointer, and a brush. */
function Plot({ height, label, both, onBrush, onHover, draw, behind }: PlotProps) {
  const [frame, width] = useWidth<HTMLDivElement>();
  const start = useRef<{ x: number; y: number } | null>(null);
  const [brush, setBrush] = useState<Box | null>(null);
  const [at, setAt] = useState<{ x: number; y: number } | null>(null);
  const inner = Math.max(width - LEFT - RIGHT, 10);
  const tall = height - TOP - FOOT;
  const point = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const share = (value: number) => Math.min(Math.max(value, 0), 1);
    return {
      x: share((event.clientX - box.left) / box.width),
      y: share((event.clientY - box.top) / box.height),
    };
  };
  const boxTo = (to: { x: number; y: number }): Box => {
    const from = start.current ?? to;
    return {
      x0: Math.min(from.x, to.x),
      x1: Math.max(from.x, to.x),
      y0: both ? Math.min(from.y, to.y) : 0,
      y1: both ? Math.max(from.y, to.y) : 1,
    };
  };
  const told = at && onHover ? onHover(at.x, at.y) : null;
  return (
    <div class="chart" ref={frame}>
      {width > 0 && (
        <svg width={width} height={height} role="img" aria-label={label}>
          <g transform={`translate(${LEFT} ${TOP})`}>
            {draw(inner, tall)}
            {at && !brush && onHover && (
              <line class="cross" x1={at.x * inner} x2={at.x * inner} y1={0} y2={tall} />
            )}
            {brush && (
              <rect
                class="brush"
                x={brush.x0 * inner}
                y={brush.y0 * tall}
                width={(brush.x1 - brush.x0) * inner}
                height={(brush.y1 - brush.y0) * tall}
              />
            )}
            <rect
              class={onBrush ? "over brushes" : "over"}
              width={inner}
              height={tall}
              onPointerDown={(event) => {
                if (!onBrush || event.button !== 0) return;
                (event.currentTarget as Element).setPointerCapture(event.pointerId);
                start.current = point(event);
                event.preventDefault();
              }}
              onPointerMove={(event) => {
                const here = point(event);
                setAt(here);
                if (start.current) setBrush(boxTo(here));
              }}
              onPointerLeave={() => {
                if (!start.current) setAt(null);
              }}
              onPointerUp={(event) => {
                const chosen = start.current ? boxTo(point(event)) : null;
                start.current = null;
                setBrush(null);
                if (chosen && onBrush && (chosen.x1 - chosen.x0) * inner >= LEAST_PX) onBrush(chosen);
              }}
              onPointerCancel={() => {
                start.current = null;
                setBrush(null);
              }}
            />
          </g>
        </svg>
      )}
      {told && <output class="told">{told}</output>}
      {behind}
    </div>
  );
}

function AxisLeft({ ticks, y, width }: { ticks: number[]; y: (ms: number) => number; width: number }) {
  return (
    <>
      {ticks.map((ms) => (
        <g key={ms}>
          <line class="grid" x1={0} x2={width} y1={y(ms)} y2={y(ms)} />
          <text class="tick" x={-6} y={y(ms)} text-anchor="end" dominant-baseline="middle">
            {ms === 0 ? "0" : showMs(ms)}
          </text>
        </g>
      ))}
    </>
  );
}

/* At the right edge a text ends where it would be cut. */
function anchorAt(x: number, width: number): "middle" | "end" {
  return x > width - 16 ? "end" : "middle";
}

interface AxisTimeProps {
  from: number;
  to: number;
  width: number;
  height: number;
  room?: number; // px for a moment
}

function AxisTime({ from, to, width, height, room = 90 }: AxisTimeProps) {
  const { at, step } = momentTicks(from, to, Math.max(Math.floor(width / room), 2));
  return (
    <>
      {at.map((moment) => {
        const x = ((moment - from) / Math.max(to - from, 1)) * width;
        return (
          <text key={moment} class="tick" x={x} y={height + 14} text-anchor={anchorAt(x, width)}>
            {showTick(moment, step)}
          </text>
        );
      })}
    </>
  );
}

function path(
  points: Point[],
  x: (at: number) => number,
  y: (ms: number) => number,
  of: "p50_ms" | "p95_ms",
): string {
  let text = "";
  let pen = "M";
  for (const point of points) {
    const ms = point[of];
    if (typeof ms !== "number") continue;
    text += `${pen}${x(point.at).toFixed(1)} ${y(ms).toFixed(1)}`;
    pen = "L";
  }
  return text;
}

interface SeriesProps {
  points: Point[];
  step_s?: number | undefined;
  revisions?: RevisionRow[];
  onBrush?: (from: number, to: number) => void;
}

/** Latency over time: the median and the 95th percentile, marks where a revision began. */
export function Series({ points, step_s = 60, revisions = [], onBrush }: SeriesProps) {
  if (points.length === 0) return null;
  const from = points[0].at;
  const to = Math.max(points[points.length - 1].at + step_s * 1000, from + 1000);
  const most = Math.max(...points.map((p) => Math.max(p.p95_ms ?? 0, p.p50_ms ?? 0)), 0.001);
  const ticks = linearTicks(most * 1.05);
  if (ticks.length > 1 && ticks[ticks.length - 1] < most) ticks.push(ticks[ticks.length - 1] + ticks[1]);
  const top = ticks[ticks.length - 1] || most * 1.05;
  const middle = (step_s * 1000) / 2;
  const marks = revisions.filter(
    (row, k) => k > 0 && row.first !== undefined && row.first >= from && row.first <= to,
  );
  const near = (share: number): Point => {
    const moment = from + share * (to - from) - middle;
    return points.reduce((best, p) => (Math.abs(p.at - moment) < Math.abs(best.at - moment) ? p : best));
  };
  return (
    <Plot
      height={180}
      label="Latency over time"
      {...(onBrush
        ? {
            onBrush: (box: Box) =>
              onBrush(Math.floor(from + box.x0 * (to - from)), Math.ceil(from + box.x1 * (to - from))),
          }
        : {})}
      onHover={(x) => {
        if (x === null) return null;
        const p = near(x);
        return `${showMoment(p.at)}: median ${showMs(p.p50_ms)}, p95 ${showMs(p.p95_ms)}, slowest ${showMs(p.max_ms)}; ${showCount(p.requests)} requests${p.errors ? `, ${p.errors} failed` : ""}`;
      }}
      draw={(width, height) => {
        const x = (at: number) => ((at + middle - from) / (to - from)) * width;
        const y = (ms: number) => height - (ms / top) * height;
        return (
          <>
            <AxisLeft ticks={ticks} y={y} width={width} />
            <AxisTime from={from} to={to} width={width} height={height} />
            {marks.map((row) => (
              <g key={row.revision}>
                <line
                  class="mark"
                  x1={x((row.first ?? 0) - middle)}
                  x2={x((row.first ?? 0) - middle)}
                  y1={0}
                  y2={height}
                />
                <text class="tick" x={x((row.first ?? 0) - middle) + 4} y={9}>
                  {row.revision.slice(0, 12)}
                </text>
              </g>
            ))}
            <path class="line p95" d={path(points, x, y, "p95_ms")} />
            <path class="line p50" d={path(points, x, y, "p50_ms")} />
            {points.length <= 60 &&
              points.map((p) => (
                <g key={p.at}>
                  {typeof p.p95_ms === "number" && (
                    <circle class="dot p95" cx={x(p.at)} cy={y(p.p95_ms)} r={2} />
                  )}
                  {typeof p.p50_ms === "number" && (
                    <circle class="dot p50" cx={x(p.at)} cy={y(p.p50_ms)} r={2.5} />
                  )}
                </g>
              ))}
          </>
        );
      }}
      behind={
        <table class="behind">
          <caption>Latency over time</caption>
          <thead>
            <tr>
              <th scope="col">At</th>
              <th scope="col">Requests</th>
              <th scope="col">Median</th>
              <th scope="col">p95</th>
            </tr>
          </thead>
          <tbody>
            {points.map((p) => (
              <tr key={p.at}>
                <td>{showMoment(p.at)}</td>
                <td>{p.requests}</td>
                <td>{showMs(p.p50_ms)}</td>
                <td>{showMs(p.p95_ms)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      }
    />
  );
}

const TWELFTH = 10 ** (1 / 12);

interface HistogramProps {
  buckets: Bucket[];
  chosen: [number, number] | null;
  onBrush: (low: number, high: number) => void;
}

const BUCKETS_LEAST = 9;

/* Room on both sides where requests took about the same: one wide column tells nothing. */
function padded(buckets: Bucket[]): Bucket[] {
  const all = [...buckets];
  while (all.length < BUCKETS_LEAST) {
    const first = all[0];
    const last = all[all.length - 1];
    all.unshift({ low_ms: first.low_ms / TWELFTH, high_ms: first.low_ms, requests: 0 });
    all.push({ low_ms: last.high_ms, high_ms: last.high_ms * TWELFTH, requests: 0 });
  }
  return all;
}

const TICK_ROOM = 52; // px that a time at an axis takes

/** How many requests took how long; buckets on a logarithmic scale. */
export function Histogram({ buckets: given, chosen, onBrush }: HistogramProps) {
  if (given.length === 0) return null;
  const buckets = padded(given);
  const most = Math.max(...buckets.map((b) => b.requests), 1);
  const n = buckets.length;
  const edges = logTicks(buckets[0].low_ms, buckets[n - 1].high_ms);
  const low = Math.log(buckets[0].low_ms);
  const high = Math.log(buckets[n - 1].high_ms);
  const bucketAt = (share: number) => buckets[Math.min(Math.max(Math.floor(share * n), 0), n - 1)];
  const on = (b: Bucket) =>
    chosen === null || (b.low_ms < chosen[1] * 0.9999 && b.high_ms > chosen[0] * 1.0001);
  return (
    <Plot
      height={150}
      label="Requests by duration"
      onBrush={(box) => onBrush(bucketAt(box.x0).low_ms, bucketAt(Math.min(box.x1, 0.9999)).high_ms)}
      onHover={(x) => {
        if (x === null) return null;
        const b = bucketAt(x);
        return `${showMs(b.low_ms)} – ${showMs(b.high_ms)}: ${showCount(b.requests)} requests`;
      }}
      draw={(width, height) => (
        <>
          <text class="tick" x={-6} y={6} text-anchor="end">
            {showCount(most)}
          </text>
          <line class="grid" x1={0} x2={width} y1={height} y2={height} />
          {buckets.map((b, k) => {
            const tall = b.requests > 0 ? Math.max((b.requests / most) * height, 2) : 0;
            return (
              <rect
                key={b.low_ms}
                class={on(b) ? "column" : "column off"}
                x={(k / n) * width + 0.5}
                y={height - tall}
                width={Math.max(width / n - 1, 1)}
                height={tall}
              />
            );
          })}
          {apart(
            edges.map((ms) => ({ ms, x: ((Math.log(ms) - low) / (high - low)) * width })),
            TICK_ROOM,
          ).map(({ ms, x }) => (
            <text key={ms} class="tick" x={x} y={height + 14} text-anchor={anchorAt(x, width)}>
              {showMs(ms)}
            </text>
          ))}
        </>
      )}
      behind={
        <table class="behind">
          <caption>Requests by duration</caption>
          <thead>
            <tr>
              <th scope="col">From</th>
              <th scope="col">To</th>
              <th scope="col">Requests</th>
            </tr>
          </thead>
          <tbody>
            {buckets.map((b) => (
              <tr key={b.low_ms}>
                <td>{showMs(b.low_ms)}</td>
                <td>{showMs(b.high_ms)}</td>
                <td>{b.requests}</td>
              </tr>
            ))}
          </tbody>
        </table>
      }
    />
  );
}

interface HeatProps {
  heat: Heat;
  onBrush: (from: number, to: number, low: number, high: number) => void;
}

/* Rows above and below where requests took about the same. */
function tall(heat: Heat): Heat {
  const low_ms = [...heat.low_ms];
  let below = 0;
  while (low_ms.length < BUCKETS_LEAST) {
    low_ms.unshift(low_ms[0] / TWELFTH);
    low_ms.push(low_ms[low_ms.length - 1] * TWELFTH);
    below++;
  }
  return { ...heat, low_ms, cells: heat.cells.map(([c, r, n]) => [c, r + below, n]) };
}

/** Requests by time and duration; the stronger the more. */
export function HeatMap({ heat: given, onBrush }: HeatProps) {
  if (given.at.length === 0 || given.cells.length === 0) return null;
  const heat = tall(given);
  const columns = heat.at.length;
  const rows = heat.low_ms.length;
  const from = heat.at[0];
  const to = heat.at[columns - 1] + heat.step_s * 1000;
  const most = Math.max(...heat.cells.map(([, , n]) => n));
  const highOf = (row: number) => heat.low_ms[row + 1] ?? heat.low_ms[row] * TWELFTH;
  const bottom = Math.log(heat.low_ms[0]);
  const top = Math.log(highOf(rows - 1));
  const column = (share: number) => Math.min(Math.max(Math.floor(share * columns), 0), columns - 1);
  const row = (share: number) => Math.min(Math.max(Math.floor((1 - share) * rows), 0), rows - 1);
  return (
    <Plot
      height={180}
      label="Requests by time and duration"
      both
      onBrush={(box) => {
        const last = column(Math.min(box.x1, 0.9999));
        onBrush(
          heat.at[column(box.x0)],
          heat.at[last] + heat.step_s * 1000,
          heat.low_ms[row(Math.min(box.y1, 0.9999))],
          highOf(row(box.y0)),
        );
      }}
      onHover={(x, y) => {
        if (x === null) return null;
        const c = column(x);
        const r = row(y);
        const n = heat.cells.find((cell) => cell[0] === c && cell[1] === r)?.[2] ?? 0;
        return `${showMoment(heat.at[c])}, ${showMs(heat.low_ms[r])} – ${showMs(highOf(r))}: ${showCount(n)} requests`;
      }}
      draw={(width, height) => {
        const y = (ms: number) => height - ((Math.log(ms) - bottom) / (top - bottom)) * height;
        return (
          <>
            <AxisLeft ticks={logTicks(heat.low_ms[0], highOf(rows - 1))} y={y} width={width} />
            <AxisTime from={from} to={to} width={width} height={height} />
            {heat.cells.map(([c, r, n]) => (
              <rect
                key={`${c} ${r}`}
                class="cell"
                x={(c / columns) * width}
                y={y(highOf(r))}
                width={Math.max(width / columns - 0.5, 1.5)}
                height={Math.max(y(heat.low_ms[r]) - y(highOf(r)) - 0.5, 1)}
                fill-opacity={0.2 + 0.8 * (Math.log1p(n) / Math.log1p(most))}
              />
            ))}
          </>
        );
      }}
      behind={
        <table class="behind">
          <caption>Requests by time and duration</caption>
          <thead>
            <tr>
              <th scope="col">At</th>
              <th scope="col">Duration from</th>
              <th scope="col">Requests</th>
            </tr>
          </thead>
          <tbody>
            {heat.cells.slice(0, 200).map(([c, r, n]) => (
              <tr key={`${c} ${r}`}>
                <td>{showMoment(heat.at[c])}</td>
                <td>{showMs(heat.low_ms[r])}</td>
                <td>{n}</td>
              </tr>
            ))}
          </tbody>
        </table>
      }
    />
  );
}

const HOUR = 3600e3;

/** A row a day, a cell an hour: as dark as its slow requests were slow. */
export function Hours({ hours, href }: { hours: Point[]; href: (from: number, to: number) => string }) {
  const known = hours.filter((hour) => hour.requests > 0);
  const values = known.map((hour) => hour.p95_ms ?? hour.p50_ms ?? 0).sort((a, b) => a - b);
  const most = values[values.length - 1] ?? 0;
  const least = Math.max(values[0] ?? 0, most / 1000);
  const middle = Math.sqrt(most * least);
  const pale = Math.min(least, middle / Math.SQRT2); // hours that hardly differ look alike
  const dark = Math.max(most, middle * Math.SQRT2);
  const days = new Map<string, { at: number; cells: (Point | null)[] }>();
  for (const hour of hours) {
    const date = new Date(hour.at);
    const key = date.toDateString();
    const day = days.get(key) ?? { at: hour.at, cells: new Array<Point | null>(24).fill(null) };
    days.set(key, day);
    day.cells[date.getHours()] = hour;
  }
  const shade = (point: Point) => {
    const ms = Math.max(point.p95_ms ?? point.p50_ms ?? 0, least);
    return most > 0 ? 0.15 + 0.85 * (Math.log(ms / pale) / Math.log(dark / pale)) : 0.6;
  };
  return (
    <div class="rows">
      <table class="hours">
        <caption class="unseen">p95 by hour</caption>
        <thead>
          <tr>
            <th scope="col">
              <span class="unseen">Day</span>
            </th>
            {Array.from({ length: 24 }, (_, hour) => (
              <th key={String(hour)} scope="col">
                <span class={hour % 3 === 0 ? "" : "unseen"}>{hour}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from(days, ([key, day]) => (
            <tr key={key}>
              <th scope="row">{showDay(day.at)}</th>
              {day.cells.map((point, hour) => (
                <td key={String(hour)}>
                  {point && point.requests > 0 && (
                    <a
                      href={href(point.at, point.at + HOUR)}
                      title={`${hour}:00, ${showCount(point.requests)} requests, p95 ${showMs(point.p95_ms)}${point.errors ? `, ${point.errors} failed` : ""}`}
                      aria-label={`${hour}:00, p95 ${showMs(point.p95_ms)}`}
                    >
                      <span
                        class={point.errors ? "hour failed" : "hour"}
                        style={{ opacity: String(shade(point)) }}
                      />
                    </a>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The course of a number, without axes. */
export function Spark({ values, label }: { values: (number | null)[]; label: string }) {
  const known = values.filter((value): value is number => typeof value === "number");
  if (known.length < 2) return <span class="pale">–</span>;
  const most = Math.max(...known);
  const x = (k: number) => 1 + (k / Math.max(values.length - 1, 1)) * 70;
  const y = (value: number) => 17 - (most > 0 ? value / most : 0) * 15;
  let text = "";
  let pen = "M";
  values.forEach((value, k) => {
    if (value === null) {
      return;
    }
    text += `${pen}${x(k).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  });
  return (
    <svg class="spark" width={72} height={19} role="img" aria-label={label}>
      <path d={text} />
    </svg>
  );
}

/** A box a route: p5 to p95 as a line, the middle half as a box, the median as a stroke; one logarithmic scale for all. */
export function Boxes({ routes, href }: { routes: RouteRow[]; href: (route: string) => string }) {
  const [frame, width] = useWidth<HTMLDivElement>();
  const shown = routes.filter((route) => (route.box_ms?.length ?? 0) === 5);
  if (shown.length === 0) return null;
  const low = Math.max(Math.min(...shown.map((r) => r.box_ms?.[0] ?? 1)), 0.001) * 0.9;
  const high = Math.max(...shown.map((r) => r.box_ms?.[4] ?? 1)) * 1.1;
  const inner = Math.max(width - 16, 10);
  const x = (ms: number) =>
    8 + ((Math.log(Math.max(ms, low)) - Math.log(low)) / (Math.log(high) - Math.log(low))) * inner;
  const ticks = logTicks(low, high);
  return (
    <div class="boxes">
      <span class="name" />
      <div ref={frame}>
        <svg width={width} height={16} aria-hidden="true">
          {apart(
            ticks.map((ms) => ({ ms, x: x(ms) })),
            TICK_ROOM,
          ).map((tick) => (
            <text key={tick.ms} class="tick" x={tick.x} y={11} text-anchor="middle">
              {showMs(tick.ms)}
            </text>
          ))}
        </svg>
      </div>
      {shown.map((route) => {
        const [p5, p25, p50, p75, p95] = route.box_ms as [number, number, number, number, number];
        const text = `p5 ${showMs(p5)}, p25 ${showMs(p25)}, median ${showMs(p50)}, p75 ${showMs(p75)}, p95 ${showMs(p95)}`;
        return [
          <a key={`${route.route} name`} class="name" href={href(route.route)} data-row={href(route.route)}>
            {route.route}
          </a>,
          <svg key={route.route} width={width} height={24} role="img" aria-label={`${route.route}: ${text}`}>
            <title>{text}</title>
            {ticks.map((ms) => (
              <line key={ms} class="grid" x1={x(ms)} x2={x(ms)} y1={0} y2={24} />
            ))}
            <line class="whisker" x1={x(p5)} x2={x(p95)} y1={12} y2={12} />
            <line class="whisker" x1={x(p5)} x2={x(p5)} y1={8} y2={16} />
            <line class="whisker" x1={x(p95)} x2={x(p95)} y1={8} y2={16} />
            <rect class="box" x={x(p25)} y={5} width={Math.max(x(p75) - x(p25), 2)} height={14} />
            <line class="median" x1={x(p50)} x2={x(p50)} y1={4} y2={20} />
          </svg>,
        ];
      })}
    </div>
  );
}

interface GaugeProps {
  points: { at: number; value: number }[];
  show: (value: number) => string;
  label: string;
}

/** A gauge of a process over time. */
export function Gauge({ points, show, label }: GaugeProps) {
  if (points.length < 2) return null;
  const from = points[0].at;
  const to = points[points.length - 1].at;
  const most = Math.max(...points.map((p) => p.value), 1e-9) * 1.1;
  return (
    <Plot
      height={90}
      label={label}
      onHover={(x) => {
        if (x === null) return null;
        const moment = from + x * (to - from);
        const p = points.reduce((a, b) => (Math.abs(b.at - moment) < Math.abs(a.at - moment) ? b : a));
        return `${showMoment(p.at)}: ${show(p.value)}`;
      }}
      draw={(width, height) => {
        const x = (at: number) => ((at - from) / (to - from)) * width;
        const y = (value: number) => height - (value / most) * height;
        return (
          <>
            <line class="grid" x1={0} x2={width} y1={height} y2={height} />
            <text class="tick" x={-6} y={8} text-anchor="end">
              {show(most / 1.1)}
            </text>
            <text class="tick" x={-6} y={height} text-anchor="end">
              0
            </text>
            <AxisTime from={from} to={to} width={width} height={height} room={55} />
            <path
              class="line p50"
              d={points
                .map((p, k) => `${k ? "L" : "M"}${x(p.at).toFixed(1)} ${y(p.value).toFixed(1)}`)
                .join("")}
            />
          </>
        );
      }}
      behind={
        <table class="behind">
          <caption>{label}</caption>
          <tbody>
            {points.map((p) => (
              <tr key={p.at}>
                <td>{showMoment(p.at)}</td>
                <td>{show(p.value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      }
    />
  );
}
