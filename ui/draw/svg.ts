/* svg.ts -- the current picture as SVG text: for a README or a ticket. No script in it; titles show on hover. */
import type { CallTree } from "../model/tree";
import { bucketOf } from "./colour";
import { type FlamePaint, type FlameView, FONT, flameHeight, ROW, rowTop } from "./flame";
import { type BurstPaint, type BurstView, burstPaths } from "./sunburst";

export function escapeXml(text: string): string {
  return text
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;")
    .replace(/[^\t\n\r -\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD");
}

function open(width: number, height: number, background: string): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"` +
    ` font-family="system-ui, sans-serif" font-size="12"><rect width="100%" height="100%" fill="${background}"/>`
  );
}

/** All rows of the picture, not only those scrolled to; boxes of half a pixel and more. */
export function flameSvg(
  tree: CallTree,
  view: FlameView,
  paint: FlamePaint,
  title: (node: number) => string,
): string {
  const height = flameHeight(tree, view);
  const whole = { ...view, top: 0, height };
  const scale = view.width / (view.x1 - view.x0);
  const parts = [open(view.width, height, paint.palette.theme.background)];
  for (let i = 0; i < tree.count; ) {
    const left = (tree.start[i] - view.x0) * scale;
    const right = left + tree.total[i] * scale;
    if (right <= 0 || left >= view.width || right - left < 0.5) {
      i = tree.end[i];
      continue;
    }
    const x = Math.max(left, 0);
    const w = Math.min(right, view.width) - x;
    const y = rowTop(tree, whole, tree.depth[i]);
    const bucket = bucketOf(paint.palette, paint.hits, tree.fn[i]);
    if (tree.depth[i] >= view.skip) {
      parts.push(
        `<g><title>${escapeXml(title(i))}</title><rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(w - 0.5, 0.4).toFixed(1)}" height="${ROW - 1}" fill="${paint.palette.fill[bucket]}"/>`,
      );
      const room = Math.floor((w - 8) / 6.6);
      const label = paint.label(i);
      if (room >= 3) {
        const text = label.length <= room ? label : `${label.slice(0, room - 1)}…`;
        parts.push(
          `<text x="${(x + 4).toFixed(1)}" y="${y + 14}" fill="${paint.palette.text[bucket]}">${escapeXml(text)}</text>`,
        );
      }
      parts.push("</g>");
    }
    i++;
  }
  parts.push("</svg>\n");
  return parts.join("");
}

export function burstSvg(
  tree: CallTree,
  view: BurstView,
  paint: BurstPaint,
  title: (node: number) => string,
): string {
  const { theme, fill } = paint.palette;
  const parts = [open(view.width, view.height, theme.background)];
  for (const { node, d } of burstPaths(tree, view)) {
    const colour = fill[bucketOf(paint.palette, paint.hits, tree.fn[node])];
    parts.push(
      `<path d="${d}" fill="${colour}" stroke="${theme.background}" stroke-width="0.5"><title>${escapeXml(title(node))}</title></path>`,
    );
  }
  const middle = `x="${view.width / 2}" y="${view.height / 2 + 4}"`;
  parts.push(
    `<text ${middle} text-anchor="middle" fill="${theme.text}">${escapeXml(paint.label(view.centre))}</text></svg>\n`,
  );
  return parts.join("");
}

export { FONT };
