/* linecost.ts -- what each line of a file cost: the time of the calls that it made, and the function's own time: at the line where samples found it, what
 * no line is known of at the function's first one. */
import type { TreeNode } from "../api/types";

export interface LineCost {
  calls: number;
  total_ms: number; // of what the line called
  own_ms: number; // spent here, or somewhere in the function that begins here
}

/** By line number. A call inside a call from the same line counts once. `requests`: that were added up; costs are means. */
export function lineCosts(nodes: TreeNode[], file: string, requests: number): Map<number, LineCost> {
  const costs = new Map<number, LineCost>();
  const byId = new Map(nodes.map((node) => [node.node, node]));
  const at = (line: number): LineCost => {
    const known = costs.get(line) ?? { calls: 0, total_ms: 0, own_ms: 0 };
    costs.set(line, known);
    return known;
  };
  const callerLine = (node: TreeNode): number => {
    const up = byId.get(node.parent);
    return up?.file === file && node.kind !== "lane" ? (node.call_line ?? 0) : 0;
  };
  for (const node of nodes) {
    if (node.file === file && node.line) {
      let left = node.self_ms;
      for (const own of node.lines ?? []) {
        at(own.line).own_ms += own.self_ms / requests;
        left -= own.self_ms;
      }
      at(node.line).own_ms += Math.max(left, 0) / requests;
    }
    const line = callerLine(node);
    if (line === 0) continue;
    const cost = at(line);
    cost.calls += (node.calls ?? 0) / requests;
    let again = false;
    for (let up = byId.get(node.parent); up && !again; up = byId.get(up.parent))
      again = callerLine(up) === line;
    if (!again) cost.total_ms += node.total_ms / requests;
  }
  return costs;
}
