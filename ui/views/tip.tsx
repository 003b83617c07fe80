/* tip.tsx -- the numbers of the box under the pointer. */
import { showExact, showShare } from "../model/show";
import type { CallTree } from "../model/tree";
import type { Data } from "./data";

interface Props {
  data: Data;
  tree: CallTree;
  node: number;
  at: number; // the zoomed box
  x: number;
  y: number;
}

export function Tip({ data, tree, node, at, x, y }: Props) {
  if (node < 0 || node >= tree.count) return null;
  const { meta } = data.profile;
  const fn = tree.fn[node];
  const about = data.estimated ? "≈ " : "";
  const right = x > window.innerWidth / 2;
  const low = y > window.innerHeight / 2;
  const style = {
    left: right ? "" : `${x + 14}px`,
    right: right ? `${window.innerWidth - x + 14}px` : "",
    top: low ? "" : `${y + 14}px`,
    bottom: low ? `${window.innerHeight - y + 14}px` : "",
  };
  const value = (amount: number) => `${about}${data.value(amount)}`;
  return (
    <div class="tip" style={style} role="presentation">
      <b>{fn < 0 ? "all" : data.functions.name[fn]}</b>
      {fn >= 0 && data.places[fn] !== "" && <div class="place">{data.places[fn]}</div>}
      {fn >= 0 && tree.line[node] > 0 && <div class="place">called in line {tree.line[node]}</div>}
      <dl>
        <dt>total</dt>
        <dd>
          {value(tree.total[node])} <i>{showShare(tree.total[node], tree.total[0])}</i>
        </dd>
        <dt>itself</dt>
        <dd>
          {value(tree.self[node])} <i>{showShare(tree.self[node], tree.total[0])}</i>
        </dd>
        {at > 0 && node > at && (
          <>
            <dt>of zoomed</dt>
            <dd>{showShare(tree.total[node], tree.total[at])}</dd>
          </>
        )}
        {fn >= 0 && meta.callsKnown && tree.calls[node] > 0 && (
          <>
            <dt>calls</dt>
            <dd>
              {about}
              {data.calls(tree.calls[node])}
            </dd>
          </>
        )}
        <dt>exactly</dt>
        <dd>
          {data.estimated
            ? "estimated from pairs"
            : `${showExact(meta.unit, tree.total[node])}${meta.requests > 1 ? ` in ${meta.requests} requests` : ""}`}
        </dd>
      </dl>
    </div>
  );
}
