/* export.ts -- hands the current picture over as a file. */

/** The view on screen puts in how it is exported. */
export interface Exporter {
  name: string;
  svg: (() => string) | null;
  png: (() => Promise<Blob>) | null;
  csv: (() => string) | null;
}

export function emptyExporter(): Exporter {
  return { name: "view", svg: null, png: null, csv: null };
}

export function canvasPng(canvas: HTMLCanvasElement | null): Promise<Blob> {
  return new Promise((done, fail) => {
    if (!canvas) fail(new Error("nothing is drawn"));
    else
      canvas.toBlob(
        (blob) => (blob ? done(blob) : fail(new Error("the picture is too large for a PNG"))),
        "image/png",
      );
  });
}

/** An SVG document as PNG, twice as dense. */
export async function svgPng(svg: string, width: number, height: number): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  const scale = Math.min(2, 8000 / Math.max(width, height));
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvasPng(canvas);
}

export function save(name: string, blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** A cell of a CSV file; texts that a spreadsheet would take for a formula get an apostrophe. */
export function csvCell(value: string | number): string {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}
