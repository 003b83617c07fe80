/* findings.tsx -- all findings in full, what is muted, what could not be checked. */
import { useEffect } from "preact/hooks";
import type { Finding, FindingsAnswer, Remembered } from "../api/types";
import { showMoment, showMs, showShare } from "../model/show";
import { question } from "../model/where";
import { FindingCard, FindingList, useFindingChange } from "./finding";
import { Answer, Answered, Code, Empty, Section, To } from "./parts";
import { type Column, Rows } from "./rows";
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
  if (id && !one) return <Gone row={data.ledger?.find((known) => known.id === id)} />;
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
      <MutedList rows={data.muted} />
      <Ledger rows={data.ledger ?? []} />
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

/* A finding that is not in the selection, as far as the ledger knows it. */
function Gone({ row }: { row: Remembered | undefined }) {
  const { link } = useWhere();
  return (
    <>
      <Answer>
        {row ? (
          <>
            {row.title ?? row.id} <span class={`state ${row.state}`}>{row.muted ? "muted" : row.state}</span>
          </>
        ) : (
          "This finding is not in the selection."
        )}
      </Answer>
      {row?.file && (
        <p>
          <Code place={row} name />
        </p>
      )}
      <Empty>
        {row && typeof row.measured_saving_ms === "number"
          ? `Mending it was predicted to save ${showMs(row.predicted_saving_ms)} and saved ${showMs(row.measured_saving_ms)}. `
          : "It may be mended, muted, or of another time or revision. "}
        <a href={link("findings")}>All findings</a> ·{" "}
        <a
          href={link("findings", { id: row?.id ?? "", revision: "*", last: "", from: "", to: "", label: "" })}
        >
          look in everything recorded
        </a>
      </Empty>
    </>
  );
}

function One({ finding, all }: { finding: Finding; all: Finding[] }) {
  const others = all.filter((other) => other.route === finding.route && other.id !== finding.id);
  return (
    <>
      <Answer aside={<To page="findings">all findings</To>}>
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

export function MutedList({ rows }: { rows: Remembered[] }) {
  const { meta } = useLive();
  const { said, change } = useFindingChange();
  if (rows.length === 0) return null;
  return (
    <Section title="Muted">
      <ul class="plain">
        {rows.map((row) => (
          <li key={row.id}>
            {row.title ?? <span class="mono">{row.id}</span>} <span class="pale">{row.route}</span>{" "}
            {row.reason && <i class="reason">{row.reason}</i>}{" "}
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

/* What was ever reported and what came of it: predicted against measured. */
function Ledger({ rows }: { rows: Remembered[] }) {
  const { link } = useWhere();
  if (rows.length === 0) return null;
  const columns: Column<Remembered>[] = [
    {
      key: "state",
      title: "State",
      narrow: true,
      value: (row) => row.state,
      cell: (row) => <span class={`state ${row.state}`}>{row.state}</span>,
    },
    {
      key: "title",
      title: "Finding",
      narrow: true,
      wide: true,
      value: (row) => row.title,
      cell: (row) => (
        <>
          <a href={link("findings", { id: row.id })}>{row.title ?? row.id}</a> <Code place={row} bare />
        </>
      ),
    },
    { key: "route", title: "Route", value: (row) => row.route, cell: (row) => row.route ?? "" },
    {
      key: "seen",
      title: "Last seen",
      value: (row) => row.last_seen,
      cell: (row) => (row.last_seen ? showMoment(row.last_seen) : ""),
    },
    {
      key: "predicted",
      title: "Predicted",
      number: true,
      value: (row) => row.predicted_saving_ms,
      cell: (row) => saving(row.predicted_saving_ms),
    },
    {
      key: "measured",
      title: "Measured",
      number: true,
      narrow: true,
      value: (row) => row.measured_saving_ms,
      cell: (row) => (
        <span
          title={
            typeof row.low_ms === "number" ? `95 %: ${showMs(row.low_ms)} to ${showMs(row.high_ms)}` : ""
          }
        >
          {saving(row.measured_saving_ms)}
        </span>
      ),
    },
  ];
  return (
    <Section title="Ledger" note="everything that was ever reported; measured once a comparison did">
      <Rows caption="Ledger" columns={columns} rows={rows} id={(row) => row.id} word="lsort" />
    </Section>
  );
}

function saving(ms: number | null | undefined) {
  return typeof ms === "number" ? showMs(ms) : <span class="pale">–</span>;
}
