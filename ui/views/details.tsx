/* details.tsx -- the chosen box or function in a line at the foot: what it is, where it is, what it took, where to look next. */
import { useState } from "preact/hooks";
import { encodePath } from "../model/editor";
import { showShare } from "../model/show";
import type { Data } from "./data";
import type { State, ViewName } from "./state";

interface Figures {
  total: number;
  self: number;
  calls: number;
}

interface Props {
  data: Data;
  state: State;
  keys: boolean; // "?" tells them
  box: Figures | null; // of the chosen box of the picture; else the function's own
  onChange: (change: Partial<State>) => void;
}

export function Details({ data, state, keys, box, onChange }: Props) {
  const { fn } = state;
  const { functions, profile } = data;
  if (fn < 0 || fn >= functions.count) {
    return (
      <footer class="details empty">
        Click a box to zoom in and choose its function.{keys && " Press ? for keys."}
      </footer>
    );
  }
  const row = box ? undefined : data.rows(state.lane).find((candidate) => candidate.fn === fn);
  const figures = box ?? row ?? null;
  const about = box && data.estimated ? "≈ " : "";
  const whole = data.whole(state.lane);
  const others: [ViewName, string][] = [
    ["sandwich", "Sandwich"],
    ["table", "Table"],
    ["graph", "Graph"],
  ];
  return (
    <footer class="details" aria-live="polite">
      <div class="who">
        <b title={functions.name[fn]}>{functions.name[fn]}</b> <Place data={data} fn={fn} />
      </div>
      {figures && (
        <dl>
          <dt>{box ? "here" : "total"}</dt>
          <dd>
            {about}
            {data.value(figures.total)} <i>{showShare(figures.total, whole)}</i>
          </dd>
          <dt>itself</dt>
          <dd>
            {about}
            {data.value(figures.self)} <i>{showShare(figures.self, whole)}</i>
          </dd>
          <dt>calls</dt>
          <dd>{profile.meta.callsKnown ? about + data.calls(figures.calls) : "not recorded"}</dd>
        </dl>
      )}
      <div class="next">
        {others
          .filter(([view]) => view !== state.view && fn < functions.real)
          .map(([view, title]) => (
            <button key={view} type="button" onClick={() => onChange({ view })}>
              {title}
            </button>
          ))}
      </div>
    </footer>
  );
}

function Place({ data, fn }: { data: Data; fn: number }) {
  const [copied, setCopied] = useState(false);
  const { functions } = data;
  const text = data.places[fn];
  if (text === "") return null;
  const path = functions.path[fn] || (functions.file[fn].startsWith("/") ? functions.file[fn] : "");
  const line = functions.line[fn] > 0 ? `:${functions.line[fn]}` : "";
  const copy = () => {
    navigator.clipboard?.writeText((path || functions.file[fn]) + line).then(
      () => {
        setCopied(true);
        setTimeout(() => setCopied(false), 1200);
      },
      () => setCopied(false),
    );
  };
  return (
    <span class="place">
      {text}{" "}
      <button type="button" class="link" onClick={copy}>
        {copied ? "copied" : "copy"}
      </button>{" "}
      {path !== "" && (
        <a href={`vscode://file${encodePath(path)}${line}`} title="open in Visual Studio Code">
          edit
        </a>
      )}
    </span>
  );
}
