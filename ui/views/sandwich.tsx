/* sandwich.tsx -- one function between its callers and what it calls, with the list of functions beside it. */
import { useState } from "preact/hooks";
import type { Palette } from "../draw/colour";
import type { CallTree } from "../model/tree";
import type { Data } from "./data";
import type { Exporter } from "./export";
import { Flame } from "./flame";
import type { State } from "./state";
import { Table } from "./table";

interface Props {
  data: Data;
  state: State;
  palette: Palette;
  hits: Uint8Array | null;
  onChange: (change: Partial<State>) => void;
  exporter: Exporter;
}

/** The function in the middle: the chosen one, else the hottest; -1 where there is none. */
export function centreOf(data: Data, state: State): number {
  const chosen = state.fn >= 0 && state.fn < data.functions.real;
  return chosen ? state.fn : (data.rows(state.lane)[0]?.fn ?? -1);
}

export function Sandwich({ data, state, palette, hits, onChange, exporter }: Props) {
  const fn = centreOf(data, state);
  const name = fn >= 0 ? data.functions.name[fn] : "";
  return (
    <div class="split">
      <Table data={data} state={{ ...state, fn }} hits={hits} compact onChange={onChange} exporter={null} />
      {fn < 0 ? (
        <p class="none">Nothing to show.</p>
      ) : (
        <div class="sandwich" key={`${fn} ${state.lane}`}>
          <Half
            {...{ data, palette, onChange }}
            tree={data.sandwich(fn, state.lane, "callers")}
            flip
            caption={`Callers of ${name}`}
          />
          <Half
            {...{ data, palette, onChange, exporter }}
            tree={data.sandwich(fn, state.lane, "callees")}
            flip={false}
            caption={`What ${name} calls`}
          />
        </div>
      )}
    </div>
  );
}

interface HalfProps {
  data: Data;
  tree: CallTree;
  palette: Palette;
  flip: boolean;
  caption: string;
  onChange: (change: Partial<State>) => void;
  exporter?: Exporter;
}

function Half({ data, tree, palette, flip, caption, onChange, exporter }: HalfProps) {
  const [at, setAt] = useState(0);
  const [selected, setSelected] = useState(-1);
  return (
    <section class={flip ? "half callers" : "half callees"}>
      <h2>{caption}</h2>
      <Flame
        {...{ data, tree, palette, flip, caption, at, selected }}
        hits={null}
        fn={-1}
        skip={1}
        low
        onSelect={setSelected}
        onZoom={(node) => {
          // A click on the zoomed box again makes its function the one in the middle.
          if (node > 0 && node === at && tree.fn[node] >= 0) onChange({ fn: tree.fn[node] });
          else setAt(node);
        }}
        onBack={() => setAt(0)}
        {...(exporter ? { exporter } : {})}
      />
    </section>
  );
}
