/* requestfacts.tsx -- what is known of one request beside its time: figures, phases, and what it was asked with. */
import type { ComponentChildren } from "preact";
import type { Fact, RequestAnswer } from "../api/types";
import { showBytes, showCount } from "../model/show";
import { Absent, Bar, Empty, Ms, Named, NOT_RECORDED, Section, To } from "./parts";

function Pairs({ title, facts }: { title: string; facts: Fact[] | undefined }) {
  return (
    <Section title={title}>
      {!facts ? (
        <Empty>They were {NOT_RECORDED}.</Empty>
      ) : (
        <Named rows={facts.map(({ name, value }) => [name, value])} />
      )}
    </Section>
  );
}

const INPUTS = [
  ["view_args", "View arguments", "view arguments"],
  ["query", "Query", "query"],
  ["form", "Form", "form"],
  ["json", "JSON", "JSON"],
  ["headers", "Headers", "headers"],
  ["config", "Configuration", "configuration"],
] as const;

function Bytes({ bytes }: { bytes: number | null | undefined }) {
  return typeof bytes === "number" ? <span>{showBytes(bytes)}</span> : <Absent />;
}

export function Facts({ data }: { data: RequestAnswer }) {
  const phases = Object.entries(data.phases_ms ?? {});
  const most = Math.max(...phases.map(([, ms]) => ms), 0.000001);
  const none = INPUTS.filter(([key]) => data[key]?.length === 0).map(([, , word]) => word);
  const facts: [string, ComponentChildren][] = [
    ["endpoint", data.endpoint ?? <Absent />],
    ["wall time", <Ms key="wall" ms={data.wall_ms} />],
    ["Hotplate's part of it, taken out", <Ms key="own" ms={data.own_ms} />],
    ["CPU", <Ms key="cpu" ms={data.cpu_ms} />],
    ["waited in the server's queue", <Ms key="queue" ms={data.queue_ms} />],
    ["to the first byte", <Ms key="first" ms={data.first_byte_ms} />],
    ["bytes in", <Bytes key="bytes_in" bytes={data.bytes_in} />],
    ["bytes out", <Bytes key="bytes_out" bytes={data.bytes_out} />],
    ["garbage collection", <Ms key="gc" ms={data.gc?.total_ms} />],
    ["allocated", <Bytes key="alloc" bytes={data.alloc_bytes} />],
    ["memory grew by", <Bytes key="rss" bytes={data.rss_growth_bytes} />],
    ["flags", data.flags && data.flags.length > 0 ? data.flags.join(", ") : "none"],
  ];
  if (data.worker !== undefined)
    facts.splice(1, 0, [
      "worker",
      <To key="worker" page="requests" words={{ worker: String(data.worker) }}>
        {data.worker}
      </To>,
    ]);
  return (
    <div class="pair">
      <div>
        <Section title="Facts">
          <Named rows={facts} />
        </Section>
        <Section title="Phases">
          {phases.length === 0 ? (
            <Empty>They were {NOT_RECORDED}.</Empty>
          ) : (
            <Named
              kind="bars"
              rows={phases.map(([phase, ms]) => [
                phase,
                <>
                  <Ms ms={ms} /> <Bar share={ms / most} />
                </>,
              ])}
            />
          )}
        </Section>
      </div>
      <div>
        {INPUTS.filter(([key]) => data[key]?.length !== 0).map(([key, title]) => (
          <Pairs key={key} title={title} facts={data[key]} />
        ))}
        {none.length > 0 && <Empty>None kept: {none.join(", ")}.</Empty>}
        {(data.not_kept?.facts ?? 0) > 0 && (
          <p class="pale">… and {showCount(data.not_kept?.facts ?? 0)} that were not kept.</p>
        )}
      </div>
    </div>
  );
}
