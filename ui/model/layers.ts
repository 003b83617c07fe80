/* layers.ts -- places a call graph: layers from callers down to callees (Sugiyama, Tagawa, Toda 1981).
 *
 * Cycles are broken at the edge that a depth-first walk finds going back; a node's layer is its longest path from a root; an edge over several layers gets
 * a bend in each; the order within layers is by barycentres, swept down and up; then boxes are pulled over their neighbours.
 */

export interface Box {
  x: number; // centre
  y: number; // top
  width: number;
}

export interface Wire {
  from: number;
  to: number;
  back: boolean; // closes a cycle
  points: { x: number; y: number }[];
}

export interface Placed {
  boxes: Box[];
  wires: Wire[];
  width: number;
  height: number;
}

export interface LayerOptions {
  boxHeight: number;
  rowGap: number;
  columnGap: number;
}

interface Item {
  node: number; // -1: a bend
  width: number;
  x: number;
  up: number[];
  down: number[];
}

/** `widths` of the nodes; `edges` heaviest first (cycles break at light ones where they can). */
export function placeLayers(
  widths: number[],
  edges: { from: number; to: number }[],
  options: LayerOptions,
): Placed {
  const back = backEdges(widths.length, edges);
  const layer = layersOf(widths.length, edges, back);
  const items: Item[] = widths.map((width, node) => ({ node, width, x: 0, up: [], down: [] }));
  const rows: number[][] = [];
  layer.forEach((l, k) => {
    rows[l] ??= [];
    rows[l].push(k);
  });
  for (let l = 0; l < rows.length; l++) rows[l] ??= [];
  const chains = edges.map((edge, e) => chain(edge, back[e], layer, items, rows));
  for (let sweep = 0; sweep < 12; sweep++) sortRows(rows, items, sweep % 2 === 0);
  pack(rows, items, options.columnGap);
  for (let sweep = 0; sweep < 16; sweep++) pull(rows, items, options.columnGap, sweep % 2 === 0);
  return collect(widths.length, edges, back, layer, chains, items, options);
}

function backEdges(count: number, edges: { from: number; to: number }[]): boolean[] {
  const out: number[][] = Array.from({ length: count }, () => []);
  const degree = new Int32Array(count);
  edges.forEach((edge, e) => {
    out[edge.from].push(e);
    degree[edge.to]++;
  });
  const back = edges.map(() => false);
  const state = new Uint8Array(count); // 1 open, 2 done
  const starts = Array.from({ length: count }, (_, k) => k).sort((a, b) => degree[a] - degree[b] || a - b);
  for (const start of starts) {
    const stack: { node: number; next: number }[] = state[start] === 0 ? [{ node: start, next: 0 }] : [];
    state[start] ||= 1;
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      const e = out[top.node][top.next++];
      if (e === undefined) {
        state[top.node] = 2;
        stack.pop();
      } else if (state[edges[e].to] === 1) {
        back[e] = true;
      } else if (state[edges[e].to] === 0) {
        state[edges[e].to] = 1;
        stack.push({ node: edges[e].to, next: 0 });
      }
    }
  }
  return back;
}

function layersOf(count: number, edges: { from: number; to: number }[], back: boolean[]): number[] {
  const layer = new Array<number>(count).fill(0);
  const degree = new Int32Array(count);
  const out: number[][] = Array.from({ length: count }, () => []);
  edges.forEach((edge, e) => {
    if (back[e]) return;
    degree[edge.to]++;
    out[edge.from].push(edge.to);
  });
  const queue = layer.map((_, k) => k).filter((k) => degree[k] === 0);
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const to of out[at]) {
      layer[to] = Math.max(layer[to], layer[at] + 1);
      if (--degree[to] === 0) queue.push(to);
    }
  }
  return layer;
}

/* The items an edge passes, from the upper to the lower end, with a bend in each layer between. */
function chain(
  edge: { from: number; to: number },
  back: boolean,
  layer: number[],
  items: Item[],
  rows: number[][],
): number[] {
  const [top, bottom] = back ? [edge.to, edge.from] : [edge.from, edge.to];
  const list = [top];
  for (let l = layer[top] + 1; l < layer[bottom]; l++) {
    items.push({ node: -1, width: 8, x: 0, up: [], down: [] });
    rows[l].push(items.length - 1);
    list.push(items.length - 1);
  }
  list.push(bottom);
  for (let k = 1; k < list.length; k++) {
    items[list[k - 1]].down.push(list[k]);
    items[list[k]].up.push(list[k - 1]);
  }
  return list;
}

function number(row: number[], position: Float64Array): void {
  row.forEach((item, k) => {
    position[item] = k;
  });
}

function sortRows(rows: number[][], items: Item[], downwards: boolean): void {
  const position = new Float64Array(items.length);
  for (const row of rows) number(row, position);
  const order = downwards ? rows.keys() : [...rows.keys()].reverse();
  for (const l of order) {
    const row = rows[l];
    const centre = new Map(
      row.map((item) => {
        const near = downwards ? items[item].up : items[item].down;
        const sum = near.reduce((total, other) => total + position[other], 0);
        return [item, near.length > 0 ? sum / near.length : position[item]];
      }),
    );
    row.sort((a, b) => (centre.get(a) as number) - (centre.get(b) as number) || a - b);
    number(row, position);
  }
}

function pack(rows: number[][], items: Item[], gap: number): void {
  for (const row of rows) {
    const width = row.reduce((sum, item) => sum + items[item].width + gap, -gap);
    let x = -width / 2;
    for (const item of row) {
      items[item].x = x + items[item].width / 2;
      x += items[item].width + gap;
    }
  }
}

/* Each item wants to stand over the mean of its neighbours; those that would overlap share the distance. */
function pull(rows: number[][], items: Item[], gap: number, downwards: boolean): void {
  const order = downwards ? [...rows] : [...rows].reverse();
  for (const row of order) {
    const want = row.map((item) => {
      const near = downwards ? items[item].up : items[item].down;
      return near.length > 0
        ? near.reduce((sum, other) => sum + items[other].x, 0) / near.length
        : items[item].x;
    });
    // Blocks of touching items stand at the mean of what their members want.
    const blocks: { first: number; width: number; sum: number; count: number; x: number }[] = [];
    row.forEach((item, k) => {
      const width = items[item].width + gap;
      let block = { first: k, width, sum: want[k] - width / 2, count: 1, x: want[k] - width / 2 };
      for (let last = blocks.at(-1); last && last.x + last.width > block.x; last = blocks.at(-1)) {
        blocks.pop();
        const sum = last.sum + block.sum - block.count * last.width;
        const count = last.count + block.count;
        block = { first: last.first, width: last.width + block.width, sum, count, x: sum / count };
      }
      blocks.push(block);
    });
    blocks.forEach((block, b) => {
      let x = block.x;
      const end = b + 1 < blocks.length ? blocks[b + 1].first : row.length;
      for (let k = block.first; k < end; k++) {
        const width = items[row[k]].width + gap;
        items[row[k]].x = x + width / 2;
        x += width;
      }
    });
  }
}

function collect(
  count: number,
  edges: { from: number; to: number }[],
  back: boolean[],
  layer: number[],
  chains: number[][],
  items: Item[],
  options: LayerOptions,
): Placed {
  let left = Number.POSITIVE_INFINITY;
  let right = Number.NEGATIVE_INFINITY;
  for (const item of items) {
    left = Math.min(left, item.x - item.width / 2);
    right = Math.max(right, item.x + item.width / 2);
  }
  const pitch = options.boxHeight + options.rowGap;
  const boxes = items
    .slice(0, count)
    .map((item, k) => ({ x: item.x - left, y: layer[k] * pitch, width: item.width }));
  const wires = chains.map((list, e) => {
    const top = layer[list[0]];
    const points: { x: number; y: number }[] = [];
    list.forEach((item, k) => {
      const x = items[item].x - left;
      const y = (top + k) * pitch;
      if (k > 0) points.push({ x, y });
      if (k > 0 && k < list.length - 1) points.push({ x, y: y + options.boxHeight });
      if (k === 0) points.push({ x, y: y + options.boxHeight });
    });
    if (back[e]) points.reverse();
    return { from: edges[e].from, to: edges[e].to, back: back[e], points };
  });
  const deepest = layer.reduce((most, l) => Math.max(most, l), 0);
  return {
    boxes,
    wires,
    width: Math.max(right - left, 0),
    height: count > 0 ? deepest * pitch + options.boxHeight : 0,
  };
}
