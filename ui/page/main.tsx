/* main.tsx -- starts the page: unpacks the profile that stands in it and shows it. What goes wrong is said in the page. */
import { render } from "preact";
import { decode } from "../model/profile";
import { App } from "../views/app";
import { Data } from "../views/data";
import { unpackPayload } from "./unpack";
import "./page.css";

async function start(): Promise<void> {
  const root = document.getElementById("hotplate") as HTMLElement;
  try {
    const profile = decode(await unpackPayload());
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
