/* main.tsx -- starts the dashboard. */
import { render } from "preact";
import { Shell } from "./shell";
import "../page/base.css";
import "./dashboard.css";

const root = document.getElementById("hotplate") as HTMLElement;
root.textContent = "";
render(<Shell />, root);
