/* help.tsx -- the keys, on "?". */
import { useLayoutEffect, useRef } from "preact/hooks";

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
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p>
        Drag over a chart, the heat map or the timeline to choose a part; the page answers for it, and so does
        its address.
      </p>
      <button type="button">Close</button>
    </dialog>
  );
}
