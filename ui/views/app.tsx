/* app.tsx -- the page of one profile: the sentence on top, the views below, all of it in the fragment. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { headline } from "../model/headline";
import { showCount } from "../model/show";
import type { Data } from "./data";
import { CallGraph } from "./graph";
import { formatState, parseState, type State } from "./state";
import { type Change, Views } from "./views";

/** State in the fragment: choosing something is a step that Back undoes, typing is not. */
function useFragment(): [State, Change] {
  const [state, setState] = useState(() => parseState(location.hash));
  const latest = useRef(state);
  useEffect(() => {
    const follow = () => {
      latest.current = parseState(location.hash);
      setState(latest.current);
    };
    window.addEventListener("popstate", follow);
    window.addEventListener("hashchange", follow);
    return () => {
      window.removeEventListener("popstate", follow);
      window.removeEventListener("hashchange", follow);
    };
  }, []);
  const change = useRef<Change>((part) => {
    const before = latest.current;
    const next = { ...before, ...part };
    latest.current = next;
    const url = formatState(next) || location.pathname + location.search;
    const step = next.view !== before.view || next.at !== before.at;
    if (step) history.pushState(null, "", url);
    else history.replaceState(null, "", url);
    setState(next);
  }).current;
  return [state, change];
}

export function App({ data }: { data: Data }) {
  const [state, change] = useFragment();
  return (
    <>
      <Head data={data} lane={state.lane} onChange={change} />
      <main>
        <Views data={data} state={state} onChange={change} keys graph={CallGraph} />
      </main>
    </>
  );
}

function Head({ data, lane, onChange }: { data: Data; lane: number; onChange: Change }) {
  const { meta } = data.profile;
  const pieces = useMemo(
    () => headline(data.profile, data.rows(lane), data.whole(lane), data.estimated),
    [data, lane],
  );
  return (
    <header>
      <div class="line">
        <span class="mark">Hotplate</span>
        <span class="title">{meta.title}</span>
        <span class="facts">
          {[
            meta.format,
            meta.shape === "pairs"
              ? "pairs of caller and callee"
              : meta.sampled
                ? "sampled"
                : "exact call tree",
            meta.requests > 1
              ? `times are means of ${showCount(meta.requests)} requests, calls are of all`
              : "",
            meta.samplesDropped > 0 ? `${meta.samplesDropped} samples dropped` : "",
            meta.cut > 0 ? `${meta.cut} tiny boxes added up into their callers` : "",
          ]
            .filter((fact) => fact !== "")
            .join(" · ")}
        </span>
      </div>
      <h1>
        {pieces.map((piece, k) =>
          piece.fn === undefined ? (
            piece.text
          ) : (
            <button
              key={`${k} ${piece.fn}`}
              type="button"
              class="link"
              onClick={() => onChange({ view: "sandwich", fn: piece.fn as number, at: 0 })}
            >
              {piece.text}
            </button>
          ),
        )}
      </h1>
    </header>
  );
}
