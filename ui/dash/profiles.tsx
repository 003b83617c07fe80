/* profiles.tsx -- the merged exact call tree of whatever is chosen, in all views of a profile; and how to look at files. */
import { useMemo } from "preact/hooks";
import type { TreeAnswer } from "../api/types";
import { profileOf, type TreeSource } from "../model/calltree";
import { headline } from "../model/headline";
import { question } from "../model/where";
import { Data } from "../views/data";
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
            <Filled tree={tree} title={route || "all routes"} />
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

function Filled({ tree, title }: { tree: TreeAnswer; title: string }) {
  const source = useMemo(() => ({ title, requests: tree.requests, nodes: tree.nodes }), [tree, title]);
  return (
    <>
      <Hottest source={source} />
      <Merged tree={tree} title={title} />
    </>
  );
}

/* The sentence of a profile's page, without its links: which function, on whose behalf. */
function Hottest({ source }: { source: TreeSource }) {
  const text = useMemo(() => {
    const data = new Data(profileOf(source));
    return headline(data.profile, data.rows(0), data.whole(0), false)
      .map((piece) => piece.text)
      .join("");
  }, [source]);
  return <Answer>{text}</Answer>;
}
