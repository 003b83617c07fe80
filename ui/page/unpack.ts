/* unpack.ts -- the payload of a page that is one file: gzip, as base64, in <script id="payload">; taken out of the document. */

export async function unpackPayload(): Promise<Uint8Array> {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this browser cannot unpack what is in it; it needs to be of 2023 or newer");
  }
  const element = document.getElementById("payload");
  const packed = Uint8Array.from(atob((element?.textContent ?? "").trim()), (letter) => letter.charCodeAt(0));
  element?.remove();
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
