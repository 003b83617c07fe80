/* behind.tsx -- the table behind a canvas: what a screen reader reads, the heaviest boxes of the picture in the picture's order. */
import { showShare } from "../model/show";
import type { CallTree } from "../model/tree";
import type { Data } from "./data";

const ROWS = 60;

interface Props {
  data: Data;
  tree: CallTree;
  at: number;
  caption: string;
}

export function TableBehind({ data, tree, at, caption }: Props) {
  const nodes: number[] = [];
  for (let i = at; i < (tree.end[at] ?? 0); i++) if (tree.fn[i] >= 0) nodes.push(i);
  nodes.sort((a, b) => tree.total[b] - tree.total[a] || a - b);
  const shown = nodes.slice(0, ROWS).sort((a, b) => a - b);
  const about = data.estimated ? "about " : "";
  return (
    <table class="behind">
      <caption>
        {caption}: the {shown.length} heaviest of {nodes.length} boxes
      </caption>
      <thead>
        <tr>
          <th scope="col">Level</th>
          <th scope="col">Function</th>
          <th scope="col">Place</th>
          <th scope="col">Total</th>
          <th scope="col">Share</th>
          <th scope="col">Itself</th>
        </tr>
      </thead>
      <tbody>
        {shown.map((node) => (
          <tr key={node}>
            <td>{tree.depth[node]}</td>
            <th scope="row">{data.functions.name[tree.fn[node]]}</th>
            <td>{data.places[tree.fn[node]]}</td>
            <td>{about + data.value(tree.total[node])}</td>
            <td>{showShare(tree.total[node], tree.total[0])}</td>
            <td>{about + data.value(tree.self[node])}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
