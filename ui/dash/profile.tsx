/* profile.tsx -- a call tree within a page of the dashboard: the views of `hotplate open`, their state in this page's URL. */

import type { ComponentType } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { profileOf, type TreeSource } from "../model/calltree";
import { Data } from "../views/data";
import type { GraphProps } from "../views/graph";
import { formatState, parseState, START, type State } from "../views/state";
import { Views } from "../views/views";
import { colourOf, useWhere } from "./use";

/* The layout of call graphs is loaded where one is looked at. */
function LazyGraph(props: GraphProps) {
  const [graph, setGraph] = useState<{ CallGraph: ComponentType<GraphProps> } | null>(null);
  const [failed, setFailed] = useState("");
  useEffect(() => {
    import("../views/graph").then(setGraph, (error) => setFailed(String(error)));
  }, []);
  if (failed !== "") return <p class="none">The call graph could not be loaded: {failed}</p>;
  return graph ? <graph.CallGraph {...props} /> : <p class="none">…</p>;
}

interface Props {
  source: TreeSource;
  first?: Partial<State>; // what is shown where the URL does not say
}

const OURS = ["view", "up", "order", "fold", "thread", "q", "fn", "at", "fsort"];

export function ProfileView({ source, first = {} }: Props) {
  const data = useMemo(() => new Data(profileOf(source)), [source]);
  return <ViewsOf data={data} first={first} />;
}

/** The same of a profile that is there already. */
export function ViewsOf({ data, first = {} }: { data: Data; first?: Partial<State> }) {
  const { where, set } = useWhere();
  const words = new URLSearchParams();
  for (const key of OURS) if (where.words[key]) words.set(key === "fsort" ? "sort" : key, where.words[key]);
  const parsed = parseState(words.toString());
  const state: State = { ...parsed, view: where.words.view ? parsed.view : (first.view ?? parsed.view) };
  const lost = state.fn >= data.functions.count; // of another tree: the selection changed
  const safe = lost ? { ...state, fn: -1, at: 0 } : state;
  const change = (part: Partial<State>) => {
    const next = { ...safe, ...part };
    const said = new URLSearchParams(formatState({ ...next, view: START.view }).slice(1));
    const to: Record<string, string> = {};
    for (const key of OURS) to[key] = said.get(key === "fsort" ? "sort" : key) ?? "";
    to.view = next.view === (first.view ?? START.view) ? "" : next.view;
    const step = next.view !== safe.view || next.at !== safe.at;
    set(to, !step);
  };
  return (
    <div class="profile">
      <Views data={data} state={safe} onChange={change} keys={false} graph={LazyGraph} meaning={colourOf} />
    </div>
  );
}
