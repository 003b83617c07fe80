/* process.tsx -- the workers: memory, CPU, threads and open files of each over time; what recording did to the application. */
import type { ComponentChildren } from "preact";
import type { Completeness, GaugePoint, ProcessAnswer, Worker } from "../api/types";
import { showBytes, showCount, showMoment, showMs, showShare } from "../model/show";
import { question } from "../model/where";
import { Gauge } from "./chart";
import { Answer, Answered, Empty, Named, Section } from "./parts";
import { useAsk, useWhere } from "./use";

export function Process() {
  const { scope } = useWhere();
  const asked = useAsk<ProcessAnswer>(question("process", scope));
  return <Answered asked={asked}>{(data) => <Filled data={data} />}</Answered>;
}

function nameOf(worker: Worker): string {
  return `Process ${worker.pid}`;
}

const MEMORY_LEAST = 20e6; // growth worth a word
const STILL_MS = 150_000; // gauges come once a minute
const ENDED_MOST = 20; // the last ones; a server that renews its workers leaves hundreds

function Filled({ data }: { data: ProcessAnswer }) {
  const workers = data.workers.filter((worker) => worker.points.length > 0);
  if (workers.length === 0)
    return (
      <>
        <Answer>No process said in this time what it used.</Answer>
        <Empty>Each says so once a minute, where a thread of its own writes what it records.</Empty>
        <Recording completeness={data.completeness} />
      </>
    );
  const last = (worker: Worker) => worker.points[worker.points.length - 1];
  const newest = Math.max(...workers.map((worker) => last(worker).at));
  const running = workers.filter((worker) => newest - last(worker).at < STILL_MS);
  const ended = workers.filter((worker) => !running.includes(worker));
  const now = Date.now() - newest < STILL_MS;
  const memory = running.reduce((sum, worker) => sum + (last(worker).rss_bytes ?? 0), 0);
  const growth = running
    .map((worker) => ({ worker, bytes: (last(worker).rss_bytes ?? 0) - (worker.points[0].rss_bytes ?? 0) }))
    .sort((a, b) => b.bytes - a.bytes)[0];
  return (
    <>
      <Answer>
        {running.length === 1 ? "One process" : `${running.length} processes`}{" "}
        {now ? (running.length === 1 ? "uses" : "use") : "used"} {showBytes(memory)}
        {!now && ` at ${showMoment(newest)}`}
        {growth.bytes > MEMORY_LEAST &&
          `; ${nameOf(growth.worker).toLowerCase()} grew by ${showBytes(growth.bytes)}`}
        {ended.length > 0 && `; ${ended.length === 1 ? "one has" : `${showCount(ended.length)} have`} ended`}.
      </Answer>
      {running.map((worker) => (
        <WorkerBlock key={`${worker.pid} ${worker.start}`} worker={worker} />
      ))}
      <Recording completeness={data.completeness} />
      {ended.slice(-ENDED_MOST).map((worker) => (
        <WorkerBlock key={`${worker.pid} ${worker.start}`} worker={worker} ended />
      ))}
    </>
  );
}

/** What all of them recorded and what not, and whether the application ever waited for it. */
function Recording({ completeness: c }: { completeness: Completeness }) {
  const count = (n: number | undefined, bad = true) => (
    <span class={bad && n ? "bad" : ""}>{showCount(n ?? 0)}</span>
  );
  const rows: [string, ComponentChildren][] = [
    ["recorded", count(c.recorded, false)],
    ["sampled out", count(c.sampled_out, false)],
    ["dropped", count(c.dropped)],
    ["lost with a process that was killed", count(c.lost)],
    ["without their call tree", count(c.dropped_by?.tree)],
    ["failures of Hotplate's own", count(c.errors)],
    [
      "times the application waited for the store",
      <>
        {count(c.waits, false)}
        {(c.waits ?? 0) > 0 && ` (${showMs(c.wait_ms ?? 0)})`}
      </>,
    ],
  ];
  return (
    <Section title="Recording">
      <Named rows={rows} kind="counted" />
      {c.unseen?.map(({ text, processes }) => (
        <p class="note" key={text}>
          Waits that cannot be seen in {processes === 1 ? "one process" : `${showCount(processes)} processes`}
          : {text}
        </p>
      ))}
    </Section>
  );
}

interface Shown {
  key: keyof GaugePoint;
  title: string;
  show: (value: number) => string;
}

const GAUGES: Shown[] = [
  { key: "rss_bytes", title: "Memory", show: (value) => showBytes(value) },
  { key: "cpu_share", title: "CPU, of a core", show: (value) => showShare(value, 1) },
  { key: "threads", title: "Threads", show: (value) => showCount(value) },
  { key: "fds", title: "Open files", show: (value) => showCount(value) },
];

function WorkerBlock({ worker, ended = false }: { worker: Worker; ended?: boolean }) {
  const end = worker.points[worker.points.length - 1];
  return (
    <section class="block">
      <h2>
        {nameOf(worker)}{" "}
        <span class="note">
          since {showMoment(worker.start)}
          {ended && `, ended after ${showMoment(end.at)}`}
        </span>
      </h2>
      <div class="gauges">
        {GAUGES.map((gauge) => {
          const points = worker.points
            .map((point) => ({ at: point.at, value: point[gauge.key] }))
            .filter((point): point is { at: number; value: number } => typeof point.value === "number");
          const now = end[gauge.key];
          return (
            <div key={gauge.key}>
              <h3>
                {gauge.title}{" "}
                {typeof now === "number" ? (
                  <b>{gauge.show(now)}</b>
                ) : (
                  <span class="absent">
                    {worker.points.length === 1 ? "from its second minute on" : "not recorded"}
                  </span>
                )}
              </h3>
              {points.length > 1 && (
                <Gauge
                  points={points}
                  show={gauge.show}
                  label={`${gauge.title} of ${nameOf(worker).toLowerCase()}`}
                />
              )}
            </div>
          );
        })}
      </div>
    </section>
  );
}
