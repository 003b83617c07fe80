/* main.tsx -- starts the page: unpacks the profile that stands in it and shows it. What goes wrong is said in the page. */
import { render } from "preact";
import { decode } from "../model/profile";
import { App } from "../views/app";
import { Data } from "../views/data";
import "./page.css";

async function unpack(text: string): Promise<Uint8Array> {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("this browser cannot unpack the profile; it needs to be of 2023 or newer");
  }
  const packed = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function start(): Promise<void> {
  const root = document.getElementById("hotplate") as HTMLElement;
  try {
    const element = document.getElementById("profile");
    const profile = decode(await unpack(element?.textContent ?? ""));
    element?.remove();
    const data = new Data(profile);
    root.textContent = "";
    render(<App data={data} />, root);
    document.documentElement.dataset.ready = "1";
  } catch (error) {
    root.textContent = `The profile cannot be shown: ${error instanceof Error ? error.message : String(error)}.`;
    root.className = "broken";
    document.documentElement.dataset.ready = "0";
  }
}

start();
