/* main.tsx -- starts the toolbar in a page of the application. It stands outside the body, in a shadow tree with a style sheet of its own: the page's styles do
 * not reach it, nor its the page, and a policy that allows nothing inline has nothing to object to. */
import { render } from "preact";
import { Dashboard } from "./ask";
import { Follower } from "./follow";
import { hideTicket } from "./memory";
import { Toolbar } from "./toolbar";

declare const TOOLBAR_STYLE: string;

const NAME = "hotplate-toolbar";

function start(root: string, id: string): void {
  hideTicket();
  const follower = new Follower(root, id);
  follower.start();
  const host = document.createElement(NAME);
  const shadow = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(TOOLBAR_STYLE);
  shadow.adoptedStyleSheets = [sheet];
  document.documentElement.append(host);
  render(<Toolbar follower={follower} dashboard={new Dashboard(root)} />, shadow);
}

const script = document.currentScript as HTMLScriptElement | null;
const request = script?.dataset.request;
if (script && request && !document.querySelector(NAME)) start(new URL(".", script.src).href, request);
