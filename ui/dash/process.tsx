/* process.tsx -- the workers: memory, CPU, threads and open files of each over time. */
import type { GaugePoint, ProcessAnswer, Worker } from "../api/types";
import { showBytes, showCount, showMoment, showShare } from "../model/show";
import { question } from "../model/where";
import { Gauge } from "./chart";
import { Answer, Answered, Empty, NOT_RECORDED } from "./parts";
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

function Filled({ data }: { data: ProcessAnswer }) {
  const workers = data.workers.filter((worker) => worker.points.length > 0);
  if (workers.length === 0)
    return <Empty>Gauges of processes were {NOT_RECORDED}, or none ran in this time.</Empty>;
  const last = (worker: Worker) => worker.points[worker.points.length - 1];
  const memory = workers.reduce((sum, worker) => sum + (last(worker).rss_bytes ?? 0), 0);
  const growth = workers
    .map((worker) => ({ worker, bytes: (last(worker).rss_bytes ?? 0) - (worker.points[0].rss_bytes ?? 0) }))
    .sort((a, b) => b.bytes - a.bytes)[0];
  return (
    <>
      <Answer>
        {workers.length === 1 ? "One process uses" : `${workers.length} processes use`} {showBytes(memory)}
        {growth.bytes > MEMORY_LEAST &&
          `; ${nameOf(growth.worker).toLowerCase()} grew by ${showBytes(growth.bytes)}`}
        .
      </Answer>
      {workers.map((worker) => (
        <WorkerBlock key={`${worker.pid} ${worker.start}`} worker={worker} />
      ))}
    </>
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

function WorkerBlock({ worker }: { worker: Worker }) {
  const end = worker.points[worker.points.length - 1];
  return (
    <section class="block">
      <h2>
        {nameOf(worker)}{" "}
        <span class="note">
          pid {worker.pid}, since {showMoment(worker.start)}
        </span>{" "}
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
                  <span class="absent">not recorded</span>
                )}
              </h3>
              <Gauge
                points={points}
                show={gauge.show}
                label={`${gauge.title} of ${nameOf(worker).toLowerCase()}`}
              />
            </div>
          );
        })}
      </div>
    </section>
  );
}
