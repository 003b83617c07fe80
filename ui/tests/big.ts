/* big.ts -- a large profile that is the same each time, with the skew of a real one. */
import type { TestFunction, TestNode, TestProfile } from "./encode";

const WORDS =
  "load parse render query commit flush decode encode resolve handle dispatch apply merge fetch build check".split(
    " ",
  );

export function bigProfile(count: number, functionCount: number, title = "big"): TestProfile {
  let seed = 7;
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648;
  };
  const functions: TestFunction[] = [{ name: "(request)", kind: 3 }];
  for (let f = 1; f < functionCount; f++) {
    const app = f % 3 === 0;
    const file = app ? `shop/part${f % 17}.py` : `lib${f % 23}/core${f % 7}.py`;
    functions.push({
      name: `${WORDS[f % WORDS.length]}_${WORDS[(f * 7) % WORDS.length]}_${f}`,
      file,
      line: 1 + (f % 400),
      app,
    });
  }
  const nodes: TestNode[] = [[0, 0, 1000, 0]];
  let depth = 1;
  while (nodes.length < count) {
    depth = Math.max(1, Math.min(depth, nodes[nodes.length - 1][0] + 1));
    const f = 1 + Math.floor(random() ** 2 * (functionCount - 1));
    nodes.push([
      depth,
      f,
      Math.floor(random() ** 6 * 1e6),
      1 + Math.floor(random() * 9),
      1 + Math.floor(random() * 300),
    ]);
    depth = Math.min(depth + (random() < 0.62 ? 1 : -Math.floor(random() * 6)), 55);
  }
  return { meta: { title, requests: 12 }, functions, nodes };
}
