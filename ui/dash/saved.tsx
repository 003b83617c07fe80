/* saved.tsx -- starts the page of one saved request: the dashboard's own page of it, its findings and its source, answered from the file. */
import { render } from "preact";
import { answerFrom } from "../api/client";
import { Saved, type SavedAnswers } from "../model/saved";
import { formatWhere, linkTo, parseWhere } from "../model/where";
import { unpackPayload } from "../page/unpack";
import { Findings } from "./findings";
import { usePageKeys } from "./keys";
import { editorTemplate } from "./parts";
import { RequestPage } from "./request";
import { Source } from "./source";
import { type Live, LiveContext, useNavigation, WhereContext } from "./use";
import "../page/base.css";
import "./dashboard.css";

const PAGES = { findings: Findings, source: Source };

function SavedShell({ saved }: { saved: Saved }) {
  const navigation = useNavigation();
  const { where } = navigation;
  usePageKeys(
    navigation,
    () => undefined,
    () => undefined,
  );
  const Page = where.page === "findings" || where.page === "source" ? PAGES[where.page] : RequestPage;
  const live: Live = {
    meta: null,
    version: 0,
    bump: () => undefined,
    editor: editorTemplate(),
    saved,
  };
  return (
    <WhereContext.Provider value={navigation}>
      <LiveContext.Provider value={live}>
        <header class="top">
          <span class="mark">Hotplate</span>
          <nav aria-label="Pages">
            <a
              href={linkTo(where, "request", { id: saved.id })}
              {...(Page === RequestPage ? { "aria-current": "page" as const } : {})}
            >
              One saved request
            </a>
          </nav>
        </header>
        <main id="content" tabIndex={-1}>
          <Page key={where.page} />
        </main>
      </LiveContext.Provider>
    </WhereContext.Provider>
  );
}

async function start(): Promise<void> {
  const root = document.getElementById("hotplate") as HTMLElement;
  try {
    const saved = new Saved(JSON.parse(new TextDecoder().decode(await unpackPayload())) as SavedAnswers);
    answerFrom((path) => saved.answer(path));
    const { page, words } = parseWhere(location.hash);
    if (!saved.holds(page, words)) {
      history.replaceState(null, "", formatWhere("request", { id: saved.id }));
    }
    root.textContent = "";
    render(<SavedShell saved={saved} />, root);
    document.documentElement.dataset.ready = "1";
  } catch (error) {
    root.textContent = `The request cannot be shown: ${error instanceof Error ? error.message : String(error)}.`;
    root.className = "wrong";
    document.documentElement.dataset.ready = "0";
  }
}

start();
