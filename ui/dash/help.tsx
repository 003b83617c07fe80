/* help.tsx -- the dashboard's keys, on "?". */
import { Keys } from "../views/help";

const KEYS: [string, string][] = [
  ["/", "search in this page"],
  ["j  k", "next and previous row"],
  ["Enter", "open the row"],
  ["Esc", "take the selection back, then go back"],
  ["f  t  s", "of a request: flame graph, call tree, SQL"],
  ["g o", "overview"],
  ["g r  g e", "routes, requests"],
  ["g s  g f", "SQL, findings"],
  ["g c  g l", "compare, profiles"],
  ["g p  g t", "process, settings"],
  ["?", "this list"],
];

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Keys keys={KEYS} onClose={onClose}>
      Drag over a chart, the heat map or the timeline to choose a part; the page answers for it, and so does
      its address.
    </Keys>
  );
}
