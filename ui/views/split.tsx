/* split.tsx -- time by kind: a bar, and what its colours mean. Of the dashboard and the toolbar. */
import { kindOf, type Part } from "../model/kinds";
import { showMs, showShare } from "../model/show";

/** Time by kind as one bar. */
export function Split({ parts, of }: { parts: Part[]; of?: number | undefined }) {
  const sum = parts.reduce((total, part) => total + part.ms, 0);
  const whole = Math.max(of ?? 0, sum);
  if (!(whole > 0)) return null;
  return (
    <span
      class="split-bar"
      role="img"
      aria-label={parts.map((p) => `${kindOf(p.kind).name} ${showMs(p.ms)}`).join(", ")}
    >
      {parts.map((part) => (
        <span
          key={part.kind}
          class={`k-${kindOf(part.kind).key}`}
          title={`${kindOf(part.kind).name} ${showMs(part.ms)}, ${showShare(part.ms, whole)}`}
          style={{ width: `${(part.ms / whole) * 100}%` }}
        />
      ))}
    </span>
  );
}

const SMALL = 0.005;

/** What the colours of a bar mean, with their figures; what is hardly to be seen in one word. */
export function Legend({ parts, whole }: { parts: Part[]; whole: number }) {
  const small = parts.filter((part) => part.ms < whole * SMALL);
  const folded = small.length > 1 ? small : [];
  const rest = folded.reduce((sum, part) => sum + part.ms, 0);
  const words = folded.map((part) => `${kindOf(part.kind).name} ${showMs(part.ms)}`).join(", ");
  return (
    <ul class="legend">
      {parts
        .filter((part) => !folded.includes(part))
        .map((part) => (
          <li key={part.kind}>
            <i class={`swatch k-${kindOf(part.kind).key}`} aria-hidden="true" />
            {kindOf(part.kind).name} <b>{showMs(part.ms)}</b>{" "}
            <span class="pale">{showShare(part.ms, whole)}</span>
          </li>
        ))}
      {folded.length > 0 && (
        <li class="pale" title={words}>
          and {showMs(rest)} of {folded.length} other kinds
        </li>
      )}
    </ul>
  );
}
