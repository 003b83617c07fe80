/* help.tsx -- the keys, on "?": of the page of a profile, and the dialog that the dashboard's stand in, too. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

const KEYS: [string, string][] = [
  ["/", "search by name or file; /…/ is a regular expression"],
  ["n  N", "next and previous match"],
  ["f  i  u", "flame graph, icicle, sunburst"],
  ["w  t  g", "sandwich, table, call graph"],
  ["r", "turn the tree round: own time first, callers behind it"],
  ["l", "fold library frames"],
  ["o", "by size or by time, where the profile has time"],
  ["arrows", "move from box to box, from row to row"],
  ["Enter", "zoom in, open"],
  ["Esc", "back"],
  ["+  −  0", "wider, narrower, everything"],
  ["?", "this list"],
];

interface KeysProps {
  keys: [string, string][];
  onClose: () => void;
  children: ComponentChildren; // what the mouse does
}

export function Keys({ keys, onClose, children }: KeysProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-labelledby="help-title"
      onClose={onClose}
      onClick={() => dialog.current?.close()}
    >
      <h2 id="help-title">Keys</h2>
      <dl>
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p>{children}</p>
      <button type="button">Close</button>
    </dialog>
  );
}

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Keys keys={KEYS} onClose={onClose}>
      Mouse: click zooms, Shift-click only chooses, Ctrl and wheel zoom, dragging moves.
    </Keys>
  );
}
