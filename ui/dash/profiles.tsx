/* profiles.tsx -- the merged exact call tree of whatever is chosen, in all views of a profile; and how to look at files. */
import type { TreeAnswer } from "../api/types";
import { question } from "../model/where";
import { Answer, Answered, Command, Empty, NOT_RECORDED, Section } from "./parts";
import { Merged } from "./route";
import { useAsk, useLive, useWhere } from "./use";

export function Profiles() {
  const { where, scope, set } = useWhere();
  const { meta } = useLive();
  const { route = "" } = where.words;
  const asked = useAsk<TreeAnswer>(question("tree", { ...scope, route }), false);
  return (
    <>
      <div class="filters">
        <select
          aria-label="Route"
          value={route}
          onChange={(event) => set({ route: event.currentTarget.value, at: "", fn: "" })}
        >
          <option value="">all routes</option>
          {(meta?.routes ?? []).map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </div>
      <Answered asked={asked}>
        {(tree) =>
          tree.nodes.length === 0 ? (
            <Empty>{tree.hint ?? `Call trees were ${NOT_RECORDED}.`}</Empty>
          ) : (
            <>
              <Answer>{hottest(tree)}</Answer>
              <Merged tree={tree} title={route || "all routes"} />
            </>
          )
        }
      </Answered>
      <Section title="Files" note="pstats, speedscope, pprof, callgrind, collapsed stacks and others">
        <p>
          <Command>hotplate open profile.prof</Command>{" "}
          <span class="pale">shows any readable file in the same views.</span>
        </p>
      </Section>
    </>
  );
}

/* The function of the application with the most time of its own. */
function hottest(tree: TreeAnswer): string {
  const sums = new Map<string, { name: string; place: string; ms: number }>();
  let whole = 0;
  for (const node of tree.nodes) {
    whole += node.self_ms;
    if (!node.function || node.parent < 0) continue;
    const key = `${node.file}:${node.line} ${node.function}`;
    const sum = sums.get(key) ?? {
      name: node.function,
      place: node.file ? `${node.file}:${node.line}` : "",
      ms: 0,
    };
    sums.set(key, sum);
    sum.ms += node.self_ms;
  }
  const first = [...sums.values()].sort((a, b) => b.ms - a.ms)[0];
  if (!first || whole <= 0) return "Nothing took time.";
  return `${((first.ms / whole) * 100).toPrecision(2)} % of the time is spent in ${first.name} itself${first.place ? ` (${first.place})` : ""}.`;
}
