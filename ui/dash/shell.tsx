/* shell.tsx -- what surrounds every page: where one can go, which requests are meant, what was recorded, the keys. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, ask } from "../api/client";
import type { Meta, SettingsAnswer } from "../api/types";
import { showCount, showMoment } from "../model/show";
import type { PageName, Words } from "../model/where";
import { Compare } from "./compare";
import { Findings } from "./findings";
import { Help } from "./help";
import { usePageKeys } from "./keys";
import { Overview } from "./overview";
import { PageViewPage } from "./pageview";
import { editorTemplate, NothingYet, Wrong } from "./parts";
import { Process } from "./process";
import { Profiles } from "./profiles";
import { RequestPage } from "./request";
import { Requests } from "./requests";
import { RoutePage } from "./route";
import { Routes } from "./routes";
import { Settings } from "./settings";
import { Source } from "./source";
import { Sql } from "./sql";
import { type Live, LiveContext, type Navigation, pace, useNavigation, WhereContext } from "./use";

const POLL_MS = 3000;
const REST = 20; // a live page keeps the server busy for a twentieth of the time at most

interface Entry {
  page: PageName;
  title: string;
  key: string; // after g
}

const ENTRIES: Entry[] = [
  { page: "overview", title: "Overview", key: "o" },
  { page: "routes", title: "Routes", key: "r" },
  { page: "requests", title: "Requests", key: "e" },
  { page: "sql", title: "SQL", key: "s" },
  { page: "findings", title: "Findings", key: "f" },
  { page: "compare", title: "Compare", key: "c" },
  { page: "profiles", title: "Profiles", key: "l" },
  { page: "process", title: "Process", key: "p" },
  { page: "settings", title: "Settings", key: "t" },
];

/** The page that a nav entry stands for when one is deeper in. */
const UNDER: Partial<Record<PageName, PageName>> = {
  route: "routes",
  request: "requests",
  pageview: "requests",
};

/** Pages that do not speak of a range. */
const STOREFREE: PageName[] = ["settings", "profiles", "pageview"]; // of use before anything is recorded
const UNSCOPED: PageName[] = ["request", "settings", "compare", "pageview"];

const PAGES: Record<PageName, () => preact.JSX.Element> = {
  overview: Overview,
  routes: Routes,
  route: RoutePage,
  requests: Requests,
  request: RequestPage,
  sql: Sql,
  findings: Findings,
  compare: Compare,
  profiles: Profiles,
  process: Process,
  settings: Settings,
  source: Source,
  pageview: PageViewPage,
};

/* Meta again and again while the page is looked at; `version` grows with the store. */
function useMeta(): { live: Live; error: ApiError | null; paused: boolean; pause: (on: boolean) => void } {
  const [meta, setMeta] = useState<Meta | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [version, setVersion] = useState(0);
  const [paused, pause] = useState(false);
  const row = useRef<number | undefined>(undefined);
  const failed = useRef(false);
  const bumped = useRef(0);
  useEffect(() => {
    let timer = 0;
    let over = false;
    const look = async () => {
      if (!document.hidden) {
        try {
          const answer = await ask<Meta>("meta");
          if (over) return;
          const rested = performance.now() - bumped.current > pace.slowest_ms * REST;
          const grew = row.current !== undefined && answer.last_row !== row.current;
          if (failed.current || (grew && rested)) {
            bumped.current = performance.now();
            setVersion((v) => v + 1);
          }
          if (rested || !grew) row.current = answer.last_row;
          failed.current = false;
          setMeta(answer);
          setError(null);
        } catch (told) {
          if (over) return;
          failed.current = true;
          setError(told instanceof ApiError ? told : new ApiError(0, String(told)));
        }
      }
      if (!over && !paused) timer = window.setTimeout(look, POLL_MS);
    };
    look();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [paused]);
  const bump = () => setVersion((v) => v + 1);
  const ready = meta !== null;
  const [editor, setEditor] = useState("");
  useEffect(() => {
    if (!ready) return;
    ask<SettingsAnswer>("settings").then(
      (answer) => setEditor(answer.settings.editor ?? ""),
      () => undefined, // no links then; the page of settings says what is wrong
    );
  }, [ready, version]);
  return {
    live: { meta, version, bump, editor: editorTemplate() || editor, saved: null },
    error,
    paused,
    pause,
  };
}

export function Shell() {
  const navigation = useNavigation();
  const { live, error, paused, pause } = useMeta();
  const [help, setHelp] = useState(false);
  usePageKeys(
    navigation,
    (key) => ENTRIES.find((entry) => entry.key === key)?.page,
    () => setHelp(true),
  );
  const { page } = navigation.where;
  const Page = PAGES[page];
  const { meta } = live;
  const never = meta !== null && !meta.last && meta.routes.length === 0 && !STOREFREE.includes(page);
  useEffect(() => {
    /* A narrow window shows some of the entries only. */
    document
      .querySelector(".top nav [aria-current]")
      ?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [page]);
  useEffect(() => {
    const here = ENTRIES.find((entry) => entry.page === page)?.title;
    document.title = `${navigation.where.words.route ?? navigation.where.words.id ?? here ?? "Hotplate"} · Hotplate`;
  }, [page, navigation.where.words.route, navigation.where.words.id]);
  return (
    <WhereContext.Provider value={navigation}>
      <LiveContext.Provider value={live}>
        <button type="button" class="skip" onClick={toContent}>
          Skip to the content
        </button>
        <header class="top">
          <a class="mark" href={navigation.link("overview")}>
            Hotplate
          </a>
          <nav aria-label="Pages">
            {ENTRIES.map((entry) => (
              <a
                key={entry.page}
                href={navigation.link(entry.page)}
                title={`g ${entry.key}`}
                {...((UNDER[page] ?? page) === entry.page ? { "aria-current": "page" as const } : {})}
              >
                {entry.title}
              </a>
            ))}
          </nav>
          <span class="ends">
            <button
              type="button"
              class={`quiet live ${error ? "off" : paused ? "paused" : "on"}`}
              aria-pressed={!paused}
              title={
                paused
                  ? "show new requests as they come"
                  : "new requests are shown as they come; click to hold"
              }
              onClick={() => pause(!paused)}
            >
              {error ? "no answer" : paused ? "held" : "live"}
            </button>
            {meta?.login && (
              <form class="logout" method="post" action="logout">
                <button type="submit" class="quiet">
                  log out
                </button>
              </form>
            )}
            <button type="button" class="quiet" onClick={() => setHelp(true)} aria-label="Keys">
              ?
            </button>
          </span>
        </header>
        {meta && !never && !UNSCOPED.includes(page) && <ScopeBar meta={meta} navigation={navigation} />}
        <main id="content" tabIndex={-1}>
          {!meta && error ? <Wrong error={error} /> : meta && (never ? <NothingYet /> : <Page key={page} />)}
        </main>
        {help && <Help onClose={() => setHelp(false)} />}
      </LiveContext.Provider>
    </WhereContext.Provider>
  );
}

function toContent(): void {
  document.getElementById("content")?.focus();
}

const RANGES: [string, string][] = [
  ["", "all recorded"],
  ["900", "last 15 min"],
  ["3600", "last hour"],
  ["86400", "last 24 h"],
  ["604800", "last 7 days"],
];

function ScopeBar({ meta, navigation }: { meta: Meta; navigation: Navigation }) {
  const { where, set } = navigation;
  const { words } = where;
  const change = (part: Words) => set({ ...part, offset: "" });
  const brushed = words.from !== undefined || words.to !== undefined;
  const range = words.last ?? "";
  return (
    <section class="scope" aria-label="Which requests">
      <select
        aria-label="Time range"
        value={brushed ? "brushed" : words.label ? "label" : range}
        onChange={(event) => change({ last: event.currentTarget.value, from: "", to: "", label: "" })}
      >
        {brushed && <option value="brushed">{rangeText(words)}</option>}
        {words.label && !brushed && <option value="label">as labelled</option>}
        {RANGES.map(([value, title]) => (
          <option key={value} value={value}>
            {title}
          </option>
        ))}
        {range !== "" && !RANGES.some(([value]) => value === range) && (
          <option value={range}>last {showCount(Number(range))} s</option>
        )}
      </select>
      {meta.labels.length > 0 && (
        <select
          aria-label="Label"
          value={words.label ?? ""}
          onChange={(event) =>
            change({ label: event.currentTarget.value, last: "", from: "", to: "", revision: "" })
          }
        >
          <option value="">any label</option>
          {meta.labels.map((label) => (
            <option key={`${label.label} ${label.from}`} value={label.label}>
              {label.label}
            </option>
          ))}
          {words.label && !meta.labels.some((label) => label.label === words.label) && (
            <option value={words.label}>{words.label}</option>
          )}
        </select>
      )}
      {words.label === undefined && (
        <select
          aria-label="Revision"
          value={words.revision ?? ""}
          onChange={(event) => change({ revision: event.currentTarget.value })}
        >
          <option value="">
            newest revision{meta.revisions[0] ? ` (${meta.revisions[0].revision})` : ""}
          </option>
          <option value="*">all revisions</option>
          {meta.revisions.map((row) => (
            <option key={row.revision} value={row.revision}>
              {row.revision}
            </option>
          ))}
        </select>
      )}
      {meta.levels.length > 1 && (
        <select
          aria-label="Level"
          value={words.level ?? ""}
          onChange={(event) => change({ level: event.currentTarget.value })}
        >
          <option value="">any level</option>
          {meta.levels.map((level) => (
            <option key={level} value={level}>
              level {level}
            </option>
          ))}
        </select>
      )}
      {(brushed || words.last || words.label || words.revision || words.level) && (
        <button
          type="button"
          class="link"
          onClick={() => change({ last: "", from: "", to: "", label: "", revision: "", level: "" })}
        >
          clear
        </button>
      )}
    </section>
  );
}

function rangeText(words: Words): string {
  const show = (text: string | undefined) => (text ? showMoment(Number(text)) : "…");
  return `${show(words.from)} – ${show(words.to)}`;
}
