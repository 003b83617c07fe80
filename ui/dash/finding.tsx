/* finding.tsx -- a finding in a line, and with all that is known of it: evidence, advice, what mending it saves. */
import { useState } from "preact/hooks";
import { ApiError, tell } from "../api/client";
import type { Finding } from "../api/types";
import { showCount, showMs, showShare, showTime } from "../model/show";
import { Bar, Code, Ms, To } from "./parts";
import { follow } from "./rows";
import { useLive, useWhere } from "./use";

/** What a finding costs all requests in range. */
function lostOf(finding: Finding): number {
  return finding.lost_ms ?? (finding.predicted_saving_ms ?? 0) * (finding.requests ?? 1);
}

/** Findings as rows: what, where, what mending saves a request and in all. */
export function FindingList({ findings, route }: { findings: Finding[]; route?: boolean }) {
  const { where, link } = useWhere();
  const most = Math.max(...findings.map(lostOf), 0);
  return (
    <ol class="findings">
      {findings.map((finding) => {
        const href = link("findings", { id: finding.id, route: where.words.route ?? "" });
        return (
          <li key={finding.id} data-row={href} tabIndex={-1} onClick={(event) => follow(event, href)}>
            <span class="rank">{finding.rank}</span>
            <span class="what">
              <a href={href}>{finding.title}</a>{" "}
              {finding.same_as && <SameEdit first={findings.find(({ id }) => id === finding.same_as)} />}
              {finding.state !== "open" && <span class={`state ${finding.state}`}>{finding.state}</span>}
            </span>
            {route && (
              <To page="route" words={{ route: finding.route }} class="route">
                {finding.route}
              </To>
            )}
            <span class="at">
              <Code place={finding} bare />
            </span>
            <span
              class="saves"
              title={`of the ${finding.basis ?? "median"} request; 90 %: ${showMs(finding.predicted_low_ms)} to ${showMs(finding.predicted_high_ms)}`}
            >
              {savingText(finding)}
            </span>
            <span class="lost" title="over all requests in range">
              {lostOf(finding) > 0 ? `${showTime(lostOf(finding) * 1e6)} in all` : ""}
            </span>
            <Bar share={most > 0 ? lostOf(finding) / most : 0} />
          </li>
        );
      })}
    </ol>
  );
}

/* The same edit mends another route's too. */
function SameEdit({ first }: { first: Finding | undefined }) {
  return <span class="pale">the same edit as {first ? first.rank : "another"} </span>;
}

function savingText(finding: Finding): string {
  if (typeof finding.predicted_saving_ms === "number" && finding.predicted_saving_ms > 0) {
    return `−${showMs(finding.predicted_saving_ms)} a request`;
  }
  if (finding.predicted_saving_bytes)
    return `−${showCount(finding.predicted_saving_bytes / 1000)} kB a request`;
  return "";
}

function valueText(key: string, value: unknown): string {
  if (typeof value === "number") {
    if (/_ms$/.test(key)) return showMs(value);
    if (/_bytes$/.test(key)) return `${showCount(value)} bytes`;
    if (/(^|_)share$/.test(key)) return showShare(value, 1);
    return Number.isInteger(value) ? showCount(value) : value.toPrecision(3);
  }
  if (Array.isArray(value)) return value.map((item) => valueText(key, item)).join(", ");
  if (value !== null && typeof value === "object") return JSON.stringify(value);
  return value === null ? "not recorded" : String(value);
}

function keyText(key: string): string {
  return key.replace(/_(ms|bytes|s)$/, "").replaceAll("_", " ");
}

const LONG = 60;

/** Evidence as pairs; long texts, such as statements, on lines of their own. */
export function Evidence({ evidence }: { evidence: Record<string, unknown> }) {
  const entries = Object.entries(evidence).map(
    ([key, value]) => [keyText(key), valueText(key, value)] as const,
  );
  return (
    <dl class="facts">
      {entries.map(([key, text]) => (
        <div key={key} class={text.length > LONG ? "long" : ""}>
          <dt>{key}</dt>
          <dd>{text.length > LONG ? <code>{text}</code> : text}</dd>
        </div>
      ))}
    </dl>
  );
}

/** One finding in full. */
export function FindingCard({ finding }: { finding: Finding }) {
  return (
    <article class="card">
      <p class="lead">
        <Code place={finding} source={finding.source} name />
      </p>
      <p class="saving">
        Mending it saves about <b>{showMs(finding.predicted_saving_ms)}</b> of{" "}
        <To page="route" words={{ route: finding.route }}>
          {finding.route}
        </To>
        's {finding.basis ?? "median"} request
        {typeof finding.share === "number" && <> ({showShare(finding.share, 1)})</>}
        {typeof finding.predicted_low_ms === "number" && (
          <span class="pale">
            , 90 % between <Ms ms={finding.predicted_low_ms} /> and <Ms ms={finding.predicted_high_ms} />
          </span>
        )}
        {typeof finding.requests === "number" && (
          <>; seen in {finding.requests === 1 ? "one request" : `${showCount(finding.requests)} requests`}</>
        )}
        .
      </p>
      {finding.advice && <Advice text={finding.advice} />}
      {finding.evidence && <Evidence evidence={finding.evidence} />}
      <p class="acts">
        {(finding.requests_example?.length ?? 0) > 0 && (
          <span>
            See it in{" "}
            {finding.requests_example?.map((id, k) => (
              <span key={id}>
                {k > 0 ? ", " : ""}
                <To page="request" words={{ id }}>
                  {id.slice(0, 8)}
                </To>
              </span>
            ))}
          </span>
        )}
        <States finding={finding} />
      </p>
    </article>
  );
}

/* "Do it once: …": the beginning of each advice is its head. */
function Advice({ text }: { text: string }) {
  const parts = text.split(/(?<=\.)\s+(?=(?:Do |If |Or |Then )[^:]{0,60}:)/);
  return (
    <ul class="advice">
      {parts.map((part) => {
        const head = /^([^:.]{3,40}):\s(.*)$/s.exec(part);
        return (
          <li key={part}>
            {head ? (
              <>
                <b>{head[1]}:</b> {head[2]}
              </>
            ) : (
              part
            )}
          </li>
        );
      })}
    </ul>
  );
}

/** Change a finding's state; says what went wrong. */
export function useFindingChange(): { said: string; change: (body: Record<string, unknown>) => void } {
  const { meta, bump } = useLive();
  const [said, setSaid] = useState("");
  const change = (body: Record<string, unknown>) => {
    tell("finding", meta?.token ?? "", body).then(
      () => {
        setSaid("");
        bump();
      },
      (error) => setSaid(error instanceof ApiError ? error.message : String(error)),
    );
  };
  return { said, change };
}

function States({ finding }: { finding: Finding }) {
  const { meta } = useLive();
  const { said, change } = useFindingChange();
  const [asking, setAsking] = useState(false);
  const [reason, setReason] = useState("");
  if (!meta?.token) return null;
  return (
    <span class="states">
      {finding.state === "fixed" ? (
        <button type="button" onClick={() => change({ id: finding.id, state: "open" })}>
          Open again
        </button>
      ) : (
        <button type="button" onClick={() => change({ id: finding.id, state: "fixed" })}>
          Mark as fixed
        </button>
      )}{" "}
      {asking ? (
        <form
          class="mute"
          onSubmit={(event) => {
            event.preventDefault();
            change({ id: finding.id, muted: true, reason });
          }}
        >
          <input
            aria-label="Why it is muted"
            placeholder="why?"
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />{" "}
          <button type="submit">Mute</button>
        </form>
      ) : (
        <button type="button" onClick={() => setAsking(true)}>
          Mute…
        </button>
      )}
      {said !== "" && <output class="bad"> {said}</output>}
    </span>
  );
}
