/* findings.tsx -- all findings in full, what is muted, what could not be checked. */
import { useEffect } from "preact/hooks";
import type { Finding, FindingsAnswer } from "../api/types";
import { showShare } from "../model/show";
import { question } from "../model/where";
import { FindingCard, FindingList, useFindingChange } from "./finding";
import { Answer, Answered, Empty, Section } from "./parts";
import { useAsk, useLive, useWhere } from "./use";

export function Findings() {
  const { where, scope } = useWhere();
  const asked = useAsk<FindingsAnswer>(question("findings", { ...scope, route: where.words.route ?? "" }));
  return <Answered asked={asked}>{(data) => <Filled data={data} />}</Answered>;
}

const STATES = ["", "new", "open", "returned", "fixed"];

function Filled({ data }: { data: FindingsAnswer }) {
  const { where, set, link } = useWhere();
  const { id, state = "", q = "" } = where.words;
  const one = data.findings.find((finding) => finding.id === id);
  useEffect(() => window.scrollTo(0, 0), [id]);
  if (id && !one) {
    return (
      <>
        <Answer>This finding is not in the selection.</Answer>
        <Empty>
          It may be mended, muted, or of another time or revision. <a href={link("findings")}>All findings</a>
        </Empty>
      </>
    );
  }
  if (one) return <One finding={one} all={data.findings} />;
  const text = q.toLowerCase();
  const shown = data.findings.filter(
    (finding) =>
      (state === "" || finding.state === state) &&
      (text === "" ||
        `${finding.title} ${finding.route} ${finding.file} ${finding.function} ${finding.kind}`
          .toLowerCase()
          .includes(text)),
  );
  const first = data.findings[0];
  return (
    <>
      <Answer>
        {first ? (
          <>
            {data.findings.length === 1 ? "One finding" : `${data.findings.length} findings`}; the largest is{" "}
            <a href={link("findings", { id: first.id })}>{first.title}</a>
            {typeof first.share === "number" && (
              <>
                , {showShare(first.share, 1)} of {first.route}
              </>
            )}
            .
          </>
        ) : (
          "No cause was found that is worth mending."
        )}
      </Answer>
      {data.findings.length > 0 && (
        <search class="filters">
          <input
            type="search"
            class="find"
            placeholder="Search findings  /"
            aria-label="Search findings"
            value={q}
            onInput={(event) => set({ q: event.currentTarget.value }, true)}
          />
          <select
            aria-label="State"
            value={state}
            onChange={(event) => set({ state: event.currentTarget.value })}
          >
            {STATES.map((name) => (
              <option key={name} value={name}>
                {name === "" ? "any state" : name}
              </option>
            ))}
          </select>
        </search>
      )}
      {shown.length > 0 ? (
        <FindingList findings={shown} route />
      ) : (
        data.findings.length > 0 && <Empty>No finding matches.</Empty>
      )}
      <MutedList data={data} />
      {(data.not_checked?.length ?? 0) > 0 && (
        <Section title="Not checked" note="these need more detail than was recorded">
          <ul class="plain inline-list">
            {data.not_checked?.map((row) => (
              <li key={row.kind}>
                {row.kind.replaceAll("_", " ")} <span class="pale">level {row.needs_level}</span>
              </li>
            ))}
          </ul>
        </Section>
      )}
    </>
  );
}

function One({ finding, all }: { finding: Finding; all: Finding[] }) {
  const { link } = useWhere();
  const others = all.filter((other) => other.route === finding.route && other.id !== finding.id);
  return (
    <>
      <Answer aside={<a href={link("findings")}>all findings</a>}>
        {finding.title} <span class={`state ${finding.state}`}>{finding.state}</span>
      </Answer>
      <FindingCard finding={finding} />
      {others.length > 0 && (
        <Section title={`Others of ${finding.route}`}>
          <FindingList findings={others} />
        </Section>
      )}
    </>
  );
}

function MutedList({ data }: { data: FindingsAnswer }) {
  const { meta } = useLive();
  const { said, change } = useFindingChange();
  if (data.muted.length === 0) return null;
  return (
    <Section title="Muted">
      <ul class="plain">
        {data.muted.map((row) => (
          <li key={row.id}>
            {row.title ?? <span class="mono">{row.id}</span>}{" "}
            {row.reason && <span class="pale">{row.reason}</span>}{" "}
            {meta?.token && (
              <button type="button" class="link" onClick={() => change({ id: row.id, muted: false })}>
                unmute
              </button>
            )}
          </li>
        ))}
      </ul>
      {said !== "" && <p class="bad">{said}</p>}
    </Section>
  );
}
