/* timeline.tsx -- the lanes of a request over time: drag to zoom, click a piece to see what was going on in it. */
import { Fragment } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import type { Holder, RequestAnswer } from "../api/types";
import { AXIS, drawTimeline, LANE, msAt, type TimelineView, timelineHeight } from "../draw/timeline";
import { linearTicks } from "../model/axis";
import { kindOf, type Part } from "../model/kinds";
import { LANES_MOST, laneName, lanesToDraw, type Moment, momentAt, within } from "../model/lane";
import { showCount, showMs } from "../model/show";
import { useDrawing } from "../views/canvas";
import { useDark } from "../views/views";
import { Code, Ms, SqlLine } from "./parts";
import { colourOf, styleColour, useWhere, useWidth } from "./use";
import { HolderName } from "./waits";

const DRAG_LEAST = 5;
const LANES_FIRST = 14;

function zoomOf(text: string | undefined, whole: number): [number, number] {
  const found = /^(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/.exec(text ?? "");
  if (!found) return [0, whole];
  const from = Math.min(Number(found[1]), whole);
  const to = Math.min(Number(found[2]), whole);
  return to - from > whole * 1e-6 ? [from, to] : [0, whole];
}

export function Timeline({ request }: { request: RequestAnswer }) {
  const { where, set } = useWhere();
  const all = request.timeline?.lanes ?? [];
  const every = where.words.lanes === "all";
  const lanes = useMemo(() => lanesToDraw(all, every ? LANES_MOST : LANES_FIRST), [all, every]);
  const whole = Math.max(request.wall_ms ?? request.duration_ms, ...lanes.map((lane) => lane.end_ms), 0.001);
  const [from, to] = zoomOf(where.words.zoom, whole);
  const [frame, width] = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const drag = useRef<number | null>(null);
  const [band, setBand] = useState<[number, number] | null>(null);
  const [hover, setHover] = useState<{ moment: Moment; x: number; y: number } | null>(null);
  const [chosen, setChosen] = useState<Moment | null>(null);
  const dark = useDark();
  const gutter = width > 600 ? 84 : 0;
  const view: TimelineView = { from, to, width: Math.max(width, gutter + 10), gutter };
  const zoomed = from > 0 || to < whole;
  const zoom = (a: number, b: number) => set({ zoom: a <= 0 && b >= whole ? "" : `${round(a)}-${round(b)}` });
  const paint = useMemo(() => {
    const colours = new Map<string, string>();
    return {
      colour: (state: string) => {
        const known = colours.get(state) ?? colourOf(state);
        colours.set(state, known);
        return known;
      },
      text: styleColour("--text"),
      pale: styleColour("--pale"),
      line: styleColour("--line"),
      accent: styleColour("--accent"),
    };
  }, [dark]);
  useDrawing(canvas, (context, size) => {
    context.clearRect(0, 0, size.width, size.height);
    const ticks = linearTicks(to - from, Math.max(Math.floor((width - gutter) / 110), 2)).map((ms) => ({
      ms: from + ms,
      text: from + ms === 0 ? "0" : showMs(from + ms),
    }));
    const names = lanes.map(laneName);
    drawTimeline(context, lanes, request.timeline?.critical ?? [], view, { ...paint, names, ticks });
    if (band) {
      context.fillStyle = paint.accent;
      context.globalAlpha = 0.2;
      context.fillRect(band[0], AXIS, band[1] - band[0], size.height);
      context.globalAlpha = 1;
    }
  });
  const find = (event: PointerEvent | MouseEvent): Moment | null => {
    const lane = lanes[Math.floor((event.offsetY - AXIS) / LANE)];
    return lane && event.offsetX >= gutter ? momentAt(lane, msAt(view, event.offsetX)) : null;
  };
  if (lanes.length === 0) return null;
  const key = (event: KeyboardEvent) => {
    const span = to - from;
    const shift = { ArrowLeft: -0.2, ArrowRight: 0.2 }[event.key];
    if (shift !== undefined) {
      const by = Math.min(Math.max(span * shift, -from), whole - to);
      zoom(from + by, to + by);
    } else if (event.key === "+" || event.key === "-") {
      const next = event.key === "+" ? span / 2 : span * 2;
      const middle = (from + to) / 2;
      zoom(Math.max(middle - next / 2, 0), Math.min(middle + next / 2, whole));
    } else if (event.key === "0") zoom(0, whole);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="timeline" ref={frame}>
      <canvas
        ref={canvas}
        class="lanes"
        tabIndex={0}
        role="application"
        aria-label="Timeline of threads; plus and minus zoom, arrows move. A table follows."
        style={{ height: `${timelineHeight(lanes)}px` }}
        onKeyDown={key}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          drag.current = event.offsetX;
        }}
        onPointerMove={(event) => {
          if (drag.current !== null && Math.abs(event.offsetX - drag.current) > DRAG_LEAST) {
            setHover(null);
            setBand([Math.min(drag.current, event.offsetX), Math.max(drag.current, event.offsetX)]);
            return;
          }
          const moment = find(event);
          setHover(moment ? { moment, x: event.offsetX, y: event.offsetY } : null);
        }}
        onPointerUp={(event) => {
          const began = drag.current;
          drag.current = null;
          if (band && began !== null) {
            const [left, right] = band.map((x) => Math.min(Math.max(msAt(view, x), 0), whole));
            setBand(null);
            if (right > left) zoom(left, right);
          } else setChosen(find(event));
        }}
        onPointerLeave={() => setHover(null)}
        onDblClick={() => zoom(0, whole)}
      />
      {hover && (
        <div
          class="tip inside"
          style={{
            left: hover.x > width / 2 ? "" : `${hover.x + 12}px`,
            right: hover.x > width / 2 ? `${width - hover.x + 12}px` : "",
            top: `${hover.y + 12}px`,
          }}
        >
          <b>{kindOf(hover.moment.state).name}</b> {showMs(hover.moment.to_ms - hover.moment.from_ms)}
          <div class="pale">
            {laneName(hover.moment.lane)}, {showMs(hover.moment.from_ms)} to {showMs(hover.moment.to_ms)}
          </div>
        </div>
      )}
      <p class="under">
        <span class="pale">
          The thick line is the critical path. Drag to zoom, click a piece to see what was going on.
          {all.length > lanes.length &&
            ` ${lanes.length} of ${showCount(all.length)} threads and tasks are drawn.`}
        </span>
        {all.length > LANES_FIRST && (
          <button type="button" class="link" onClick={() => set({ lanes: every ? "" : "all" })}>
            {every ? "only what matters most" : `show all ${showCount(all.length)} threads and tasks`}
          </button>
        )}
        {zoomed && (
          <button type="button" data-key="Escape" onClick={() => zoom(0, whole)}>
            Whole request (Esc)
          </button>
        )}
      </p>
      {chosen && <Inside request={request} moment={chosen} onClose={() => setChosen(null)} />}
      <table class="behind">
        <caption>Threads and tasks of the request</caption>
        <thead>
          <tr>
            <th scope="col">Lane</th>
            <th scope="col">From</th>
            <th scope="col">To</th>
            <th scope="col">On the critical path</th>
            <th scope="col">Waits</th>
          </tr>
        </thead>
        <tbody>
          {lanes.map((lane) => (
            <tr key={lane.lane}>
              <th scope="row">{laneName(lane)}</th>
              <td>{showMs(lane.start_ms)}</td>
              <td>{showMs(lane.end_ms)}</td>
              <td>{showMs(lane.critical_ms)}</td>
              <td>
                {Object.entries(lane.waits_ms ?? {})
                  .map(([kind, ms]) => `${kindOf(kind).name} ${showMs(ms)}`)
                  .join(", ")}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function round(ms: number): string {
  return String(Number(ms.toFixed(4)));
}

function Inside({
  request,
  moment,
  onClose,
}: {
  request: RequestAnswer;
  moment: Moment;
  onClose: () => void;
}) {
  const here = within(request, moment);
  const { lane } = moment;
  return (
    <aside class="inside-piece" aria-live="polite">
      <p>
        <i class={`swatch k-${kindOf(moment.state).key}`} aria-hidden="true" />
        <b>{kindOf(moment.state).name}</b> <Ms ms={moment.to_ms - moment.from_ms} /> in {laneName(lane)}, from{" "}
        <Ms ms={moment.from_ms} /> on
        {lane.file && (
          <>
            {" "}
            · started at <Code place={lane} bare />
          </>
        )}{" "}
        <button type="button" class="link" onClick={onClose}>
          close
        </button>
      </p>
      <ul class="plain">
        {here.executions.map((run) => (
          <li key={`sql ${run.at_ms}`}>
            <Ms ms={run.execute_ms + (run.fetch_ms ?? 0)} /> <Code place={run} bare />{" "}
            <SqlLine text={run.statement} />
          </li>
        ))}
        {here.calls.map((call) => (
          <li key={`call ${call.at_ms}`}>
            <Ms ms={call.total_ms} /> {call.protocol} {call.name ?? call.peer} <Code place={call} bare />
          </li>
        ))}
        {here.spans.map((span) => (
          <li key={`span ${span.from_ms} ${span.kind}`}>
            <Ms ms={span.to_ms - span.from_ms} /> {kindOf(span.kind).name} {span.peer}{" "}
            <Code place={span} bare />
            <HeldBy holder={request.holders?.[span.holder ?? -1]} request={request.id} />
          </li>
        ))}
      </ul>
      {here.stack.length > 0 && (
        <ol class="stack">
          {here.stack.map((node) => (
            <li key={node.node} class={node.application ? "app" : ""}>
              {node.function}{" "}
              <Code
                place={{ file: node.file ?? null, line: node.line ?? null }}
                bare
                plain={!node.application}
              />
            </li>
          ))}
        </ol>
      )}
      {here.executions.length + here.calls.length + here.spans.length === 0 && (
        <p class="pale">No single statement, call or wait was recorded in this piece.</p>
      )}
    </aside>
  );
}

function HeldBy({ holder, request }: { holder: Holder | undefined; request: string }) {
  if (!holder) return null;
  return (
    <span class="pale">
      {" "}
      held by <HolderName holder={holder} request={request} /> <Code place={holder} bare />
    </span>
  );
}

/** The parts of the sentence on top: where a request's time went along its critical path. */
export function SplitText({ parts }: { parts: Part[] }) {
  return (
    <>
      {parts.map((part, k) => (
        <Fragment key={part.kind}>
          {k > 0 ? " · " : ""}
          <span class="part">
            <i class={`swatch k-${kindOf(part.kind).key}`} aria-hidden="true" />
            {kindOf(part.kind).name} {showMs(part.ms)}
          </span>
        </Fragment>
      ))}
    </>
  );
}
