/* tree.tsx -- the call tree of a request as rows that open and close, with SQL and waits at the functions that made them. */
import { useMemo, useState } from "preact/hooks";
import type { RequestAnswer } from "../api/types";
import { type Branch, branchesOf } from "../model/branches";
import { kindOf } from "../model/kinds";
import { showCount, showShare } from "../model/show";
import { Absent, Bar, Code, Ms, SqlLine } from "./parts";
import { useWhere } from "./use";

const SHARES = [0, 0.001, 0.01, 0.05];

export function CallTree({ request }: { request: RequestAnswer }) {
  const { where, set } = useWhere();
  const unfold = where.words.lib === "1";
  const least = Number(where.words.least ?? "0.01") || 0;
  const [closed, setClosed] = useState(() => new Set<string>());
  const { rows, left } = useMemo(
    () =>
      branchesOf(request.nodes ?? [], request.executions ?? [], request.waits ?? [], {
        least,
        unfold,
        closed,
      }),
    [request, least, unfold, closed],
  );
  const whole = rows[0]?.total ?? 0;
  const toggle = (row: Branch) => {
    const next = new Set(closed);
    if (!next.delete(row.id)) next.add(row.id);
    setClosed(next);
  };
  return (
    <>
      <p class="choices">
        <button
          type="button"
          class="toggle"
          aria-pressed={!unfold}
          onClick={() => set({ lib: unfold ? "" : "1" })}
        >
          Fold libraries
        </button>
        <label>
          from{" "}
          <select value={String(least)} onChange={(event) => set({ least: event.currentTarget.value })}>
            {SHARES.map((share) => (
              <option key={share} value={String(share)}>
                {share === 0 ? "everything" : showShare(share, 1)}
              </option>
            ))}
          </select>
        </label>
        {left > 0 && (
          <span class="pale">
            {left === 1 ? "one call below it is" : `${showCount(left)} calls below it are`} left out
          </span>
        )}
      </p>
      <div class="rows">
        <table class="calltree">
          <caption class="unseen">Call tree</caption>
          <thead>
            <tr>
              <th scope="col" class="num">
                Total
              </th>
              <th scope="col" class="num extra">
                Itself
              </th>
              <th scope="col" class="num extra">
                Calls
              </th>
              <th scope="col">Function</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.id} class={row.app ? "app" : row.self === null ? "leaf" : ""}>
                <td class="num">
                  <span class="amount">
                    <Ms ms={row.total} />
                    <Bar
                      share={whole > 0 ? row.total / whole : 0}
                      {...(row.self === null ? { kind: row.kind } : {})}
                    />
                  </span>
                </td>
                <td class="num extra">{row.self === null ? "" : <Ms ms={row.self} />}</td>
                <td class="num extra">{row.calls === null ? <Absent /> : showCount(row.calls)}</td>
                <td>
                  <span class="branch" style={{ paddingLeft: `${Math.min(row.depth, 24) * 12}px` }}>
                    <Twig row={row} closed={closed.has(row.id)} onToggle={() => toggle(row)} />
                    <Name row={row} sources={request.sources} />
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Twig({ row, closed, onToggle }: { row: Branch; closed: boolean; onToggle: () => void }) {
  if (!row.children) return <span class="twig" />;
  return (
    <button
      type="button"
      class="twig"
      aria-expanded={!closed}
      aria-label={`${closed ? "open" : "close"} ${row.name}`}
      onClick={onToggle}
    >
      {closed ? "▸" : "▾"}
    </button>
  );
}

function Name({ row, sources }: { row: Branch; sources: Record<string, string> | undefined }) {
  if (row.self === null) {
    return (
      <>
        <i class={`swatch k-${kindOf(row.kind).key}`} aria-hidden="true" />
        {kindOf(row.kind).name}{" "}
        {row.kind === "sql" ? <SqlLine text={row.name} /> : <span class="pale">{row.name}</span>}
      </>
    );
  }
  return (
    <>
      <span class="function">{row.name}</span>
      {row.kind !== "call" && row.kind !== "lane" && <span class="pale"> ({row.kind})</span>}{" "}
      <Code
        place={{ file: row.file, line: row.line }}
        plain={!row.app}
        source={row.app ? sources?.[`${row.file}:${row.line}`] : ""}
        bare
      />
    </>
  );
}
