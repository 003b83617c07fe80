/* views.tsx -- a profile in all its views: the choice of one, its knobs, the search, the view, the chosen function. */
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { DARK, LIGHT, makePalette } from "../draw/colour";
import { flameHeight } from "../draw/flame";
import { matchedValue, matchFunctions, nextMatch } from "../model/search";
import { showShare } from "../model/show";
import type { CallTree } from "../model/tree";
import { Burst } from "./burst";
import type { Data } from "./data";
import { Details } from "./details";
import { type Exporter, emptyExporter, save } from "./export";
import { Flame } from "./flame";
import type { GraphProps } from "./graph";
import { Help } from "./help";
import { centreOf, Sandwich } from "./sandwich";
import { type State, VIEWS, type ViewName } from "./state";
import { Around, Table } from "./table";

const TITLES: Record<ViewName, string> = {
  flame: "Flame",
  icicle: "Icicle",
  sunburst: "Sunburst",
  sandwich: "Sandwich",
  table: "Table",
  graph: "Call graph",
};
const KEYS: Record<string, ViewName> = {
  f: "flame",
  i: "icicle",
  u: "sunburst",
  w: "sandwich",
  t: "table",
  g: "graph",
};

export type Change = (change: Partial<State>) => void;

function isTree(view: ViewName): boolean {
  return view === "flame" || view === "icicle" || view === "sunburst";
}

export function useDark(): boolean {
  const query = useMemo(() => window.matchMedia("(prefers-color-scheme: dark)"), []);
  const [dark, setDark] = useState(query.matches);
  useEffect(() => {
    const listen = () => setDark(query.matches);
    query.addEventListener("change", listen);
    return () => query.removeEventListener("change", listen);
  }, []);
  return dark;
}

interface ViewsProps {
  data: Data;
  state: State;
  onChange: Change;
  keys: boolean; // the keys of the page are ours
  graph: (props: GraphProps) => ComponentChildren;
  meaning?: (kind: string) => string; // colours of statements and waits
}

/** The views of a profile with their choices; what surrounds them says what it is a profile of. */
export function Views({ data, state, onChange: change, keys, graph: Graph, meaning }: ViewsProps) {
  const [selected, setSelected] = useState(-1);
  const [help, setHelp] = useState(false);
  const dark = useDark();
  const palette = useMemo(() => makePalette(data.functions, dark ? DARK : LIGHT, meaning), [data, dark]);
  const hits = useMemo(() => matchFunctions(data.functions, state.query), [data, state.query]);
  const search = useRef<HTMLInputElement>(null);
  const exporter = useRef<Exporter>(emptyExporter());
  exporter.current = emptyExporter();
  const { view, inverted, order, folded, lane } = state;
  const tree = useMemo(
    () => (isTree(view) ? data.tree({ inverted, order, folded, lane }) : null),
    [data, isTree(view), inverted, order, folded, lane],
  );
  const box = tree && selected > 0 && selected < tree.count ? selected : -1;
  const reshape: Change = (part) => {
    setSelected(-1);
    change({ ...part, at: 0 });
  };
  const select = (node: number) => {
    setSelected(node);
    if (tree && node >= 0) change({ fn: tree.fn[node] });
  };
  const chooseRow: Change = (part) => {
    setSelected(-1);
    change(part);
  };
  const zoom = (node: number) => {
    if (node !== state.at) change({ at: node });
  };
  const back = () => {
    if (state.at > 0) history.back();
  };
  const seek = (step: 1 | -1) => {
    if (!tree || !hits) return;
    const node = nextMatch(tree, hits, selected, step);
    if (node < 0) return;
    select(node);
    zoom(node);
  };
  useKeys((key) => {
    if (!keys) return false;
    if (key in KEYS) reshapeView(KEYS[key], change, setSelected);
    else if (key === "/") search.current?.focus();
    else if (key === "?") setHelp(true);
    else if (key === "r" && isTree(view)) reshape({ inverted: !inverted });
    else if (key === "l" && isTree(view)) reshape({ folded: !folded });
    else if (key === "o" && isTree(view) && data.timed)
      reshape({ order: order === "time" ? "size" : "time" });
    else if (key === "n") seek(1);
    else if (key === "N") seek(-1);
    else if (key === "0") zoom(0);
    else if (key === "Escape") escape_(state, change, back);
    else return false;
    return true;
  });
  const shared = { data, state, palette, hits, onChange: change, exporter: exporter.current };
  const picture = tree && {
    data,
    tree,
    palette,
    hits,
    at: state.at,
    selected: box,
    onSelect: select,
    onZoom: zoom,
    onBack: back,
  };
  return (
    <>
      <nav class="views" aria-label="Views">
        <div class="tabs" role="tablist">
          {VIEWS.map((name) => (
            <button
              key={name}
              type="button"
              role="tab"
              aria-selected={name === view}
              onClick={() => reshapeView(name, change, setSelected)}
            >
              {TITLES[name]}
            </button>
          ))}
        </div>
        <Choices data={data} state={state} onReshape={reshape} />
        <Search {...{ data, state, hits, tree, input: search }} onChange={change} onSeek={seek} />
        <Export exporter={exporter} view={view} title={data.profile.meta.title} />
        {keys && (
          <button type="button" class="quiet" onClick={() => setHelp(true)} aria-label="Keys">
            ?
          </button>
        )}
      </nav>
      {data.estimated && (isTree(view) || view === "sandwich") && (
        <p class="warning" role="note">
          Estimated: this file holds only pairs of caller and callee, no stacks. Below a function with several
          callers times are shared out in proportion; the table and the call graph are exact.
        </p>
      )}
      <div class="view">
        {picture && view === "sunburst" && <Burst {...picture} exporter={exporter.current} />}
        {picture && view !== "sunburst" && (
          <div class="stacked">
            <div class="upper" style={{ height: `${flameHeight(picture.tree, { skip: 0 }) + 1}px` }}>
              <Flame
                {...picture}
                key={view}
                flip={view === "flame"}
                skip={0}
                fn={state.fn}
                caption={view === "flame" ? "Flame graph" : "Icicle"}
                exporter={exporter.current}
              />
            </div>
            <Table {...shared} exporter={null} onChange={chooseRow} />
          </div>
        )}
        {view === "sandwich" && <Sandwich {...shared} />}
        {view === "graph" && <Graph {...shared} />}
        {view === "table" && (
          <div class="split table">
            <Table {...shared} />
            <Around {...shared} />
          </div>
        )}
      </div>
      <Details
        data={data}
        keys={keys}
        state={view === "sandwich" ? { ...state, fn: centreOf(data, state) } : state}
        box={tree && box > 0 ? figuresOf(tree, box) : null}
        onChange={change}
      />
      {help && <Help onClose={() => setHelp(false)} />}
    </>
  );
}

function figuresOf(tree: CallTree, box: number) {
  return { total: tree.total[box], self: tree.self[box], calls: tree.calls[box] };
}

function reshapeView(view: ViewName, change: Change, setSelected: (node: number) => void): void {
  setSelected(-1);
  change({ view, at: 0 });
}

function escape_(state: State, change: Change, back: () => void): void {
  if (state.at > 0) back();
  else if (state.query !== "") change({ query: "" });
  else change({ fn: -1 });
}

/* Keys work everywhere but where something is typed; the canvas and the table take theirs first. */
export function useKeys(act: (key: string) => boolean): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const element = event.target as HTMLElement;
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(element.tagName);
      if (event.key === "Escape" && typing) element.blur();
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (typing || document.querySelector("dialog[open]")) return;
      if (latest.current(event.key)) event.preventDefault();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}

function Choices({ data, state, onReshape }: { data: Data; state: State; onReshape: Change }) {
  const trees = isTree(state.view);
  return (
    <div class="choices">
      {data.lanes.length > 1 && (
        <select
          aria-label="Thread"
          value={String(data.laneOf(state.lane))}
          onChange={(event) => onReshape({ lane: Number(event.currentTarget.value) })}
        >
          <option value="-1">all threads</option>
          {data.lanes.map((lane, k) => (
            <option key={`${lane.name} ${lane.place}`} value={String(k)}>
              {lane.name}
              {lane.count > 1 ? ` ×${lane.count}` : ""}, {data.value(lane.total)}
              {lane.place === "" ? "" : `, started at ${lane.place}`}
            </option>
          ))}
        </select>
      )}
      {trees && (
        <>
          <Toggle
            on={state.inverted}
            onClick={() => onReshape({ inverted: !state.inverted })}
            title="own time first, callers behind it (r)"
          >
            Bottom-up
          </Toggle>
          <Toggle
            on={state.folded}
            onClick={() => onReshape({ folded: !state.folded })}
            title="each stretch of library frames as one box (l)"
          >
            Fold libraries
          </Toggle>
        </>
      )}
      {trees && data.timed && !state.inverted && (
        <Toggle
          on={state.order === "time"}
          onClick={() => onReshape({ order: state.order === "time" ? "size" : "time" })}
          title="in time order instead of the heaviest first (o)"
        >
          Time order
        </Toggle>
      )}
    </div>
  );
}

function Toggle(props: { on: boolean; onClick: () => void; title: string; children: string }) {
  return (
    <button type="button" class="toggle" aria-pressed={props.on} onClick={props.onClick} title={props.title}>
      {props.children}
    </button>
  );
}

interface SearchProps {
  data: Data;
  state: State;
  hits: Uint8Array | null;
  tree: CallTree | null;
  input: { current: HTMLInputElement | null };
  onChange: Change;
  onSeek: (step: 1 | -1) => void;
}

function Search({ data, state, hits, tree, input, onChange, onSeek }: SearchProps) {
  const shown = useMemo(() => {
    if (!hits) return "";
    if (!tree) {
      const rows = data.rows(state.lane).filter((row) => hits[row.fn]);
      return `${rows.length} functions`;
    }
    const { value, boxes } = matchedValue(tree, hits);
    return boxes === 0 ? "no match" : `${showShare(value, tree.total[0])} matched`;
  }, [hits, tree, state.lane]);
  return (
    <search class="search">
      <input
        ref={input}
        type="search"
        placeholder="Search  /"
        aria-label="Search functions and files"
        value={state.query}
        onInput={(event) => onChange({ query: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key === "Enter") onSeek(event.shiftKey ? -1 : 1);
        }}
      />
      <output>{shown}</output>
    </search>
  );
}

function Export({
  exporter,
  view,
  title,
}: {
  exporter: { current: Exporter };
  view: ViewName;
  title: string;
}) {
  const [trouble, setTrouble] = useState("");
  const stem = `${title.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^-|-$/g, "") || "profile"}`;
  const run = async (kind: "svg" | "png" | "csv") => {
    const { name, svg, png, csv } = exporter.current;
    setTrouble("");
    try {
      if (kind === "svg" && svg) save(`${stem}.${name}.svg`, new Blob([svg()], { type: "image/svg+xml" }));
      else if (kind === "png" && png) save(`${stem}.${name}.png`, await png());
      else if (kind === "csv" && csv) save(`${stem}.${name}.csv`, new Blob([csv()], { type: "text/csv" }));
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <div class="export" role="group" aria-label="Save this view">
      {(view === "table" ? (["csv"] as const) : (["svg", "png"] as const)).map((kind) => (
        <button
          key={kind}
          type="button"
          class="quiet"
          title={`save this view as ${kind.toUpperCase()}`}
          onClick={() => run(kind)}
        >
          {kind.toUpperCase()}
        </button>
      ))}
      <output>{trouble}</output>
    </div>
  );
}
