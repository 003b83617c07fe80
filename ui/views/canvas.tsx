/* canvas.tsx -- a canvas that keeps its size and is drawn when something changed, at most once a frame; and what it holds as a table. */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

export interface Size {
  width: number;
  height: number;
}

/** Calls `draw` in the next frame with a context in CSS pixels, whenever the component rendered or the element's size changed. The function returned asks
 * for a frame. */
export function useDrawing(
  canvas: { current: HTMLCanvasElement | null },
  draw: (context: CanvasRenderingContext2D, size: Size) => void,
): () => void {
  const latest = useRef(draw);
  const pending = useRef(0);
  latest.current = draw;
  const ask = useRef(() => {
    if (pending.current !== 0) return;
    pending.current = requestAnimationFrame(() => {
      pending.current = 0;
      const element = canvas.current;
      const context = element?.getContext("2d");
      if (element && context) paint(element, context, latest.current);
    });
  }).current;
  useLayoutEffect(ask);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(ask);
    observer.observe(element);
    return () => {
      observer.disconnect();
      cancelAnimationFrame(pending.current);
      pending.current = 0;
    };
  }, []);
  return ask;
}

function paint(
  element: HTMLCanvasElement,
  context: CanvasRenderingContext2D,
  draw: (context: CanvasRenderingContext2D, size: Size) => void,
): void {
  const width = element.clientWidth;
  const height = element.clientHeight;
  const ratio = window.devicePixelRatio || 1;
  if (element.width !== Math.round(width * ratio) || element.height !== Math.round(height * ratio)) {
    element.width = Math.round(width * ratio);
    element.height = Math.round(height * ratio);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const began = performance.now();
  draw(context, { width, height });
  performance.measure("hotplate-frame", { start: began, end: performance.now() });
}
