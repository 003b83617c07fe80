/* use.ts -- what all pages use: where one is, what the server answered, how wide something is, which colour a kind of time has. */
import { createContext } from "preact";
import { useContext, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { ApiError, ask } from "../api/client";
import type { Meta } from "../api/types";
import { kindOf } from "../model/kinds";
import type { Saved } from "../model/saved";
import {
  formatWhere,
  linkTo,
  type PageName,
  parseWhere,
  scopeOf,
  type Where,
  type Words,
} from "../model/where";

export interface Live {
  meta: Meta | null;
  version: number; // grows when the store has new requests
  bump: () => void; // ask again, after something was changed
  editor: string; // links to an editor: a template, or ""
  saved: Saved | null; // the file that this page is; null: it is the dashboard
}

export const LiveContext = createContext<Live>({
  meta: null,
  version: 0,
  bump: () => undefined,
  editor: "",
  saved: null,
});

export interface Navigation {
  where: Where;
  /** Change words of this page's URL; "" takes a word away. A step for Back unless `replace`. */
  set: (words: Words, replace?: boolean) => void;
  link: (page: PageName, words?: Words) => string;
  scope: Words;
  /** To where one came from; for who came by a link, to the page above. */
  back: () => void;
}

export const WhereContext = createContext<Navigation>({
  where: { page: "overview", words: {} },
  set: () => undefined,
  link: () => "#/",
  scope: {},
  back: () => undefined,
});

export function useLive(): Live {
  return useContext(LiveContext);
}

export function useWhere(): Navigation {
  return useContext(WhereContext);
}

/** The fragment as state. */
export function useNavigation(): Navigation {
  const [where, setWhere] = useState(() => parseWhere(location.hash));
  const latest = useRef(where);
  const steps = useRef(0); // taken in this document
  useEffect(() => {
    const follow = () => {
      steps.current++;
      const next = parseWhere(location.hash);
      if (next.page !== latest.current.page) window.scrollTo(0, 0);
      latest.current = next;
      setWhere(next);
    };
    window.addEventListener("popstate", follow);
    window.addEventListener("hashchange", follow);
    return () => {
      window.removeEventListener("popstate", follow);
      window.removeEventListener("hashchange", follow);
    };
  }, []);
  const set = useRef((words: Words, replace?: boolean) => {
    const next = { page: latest.current.page, words: { ...latest.current.words, ...words } };
    const url = formatWhere(next.page, next.words);
    latest.current = parseWhere(url);
    if (replace) history.replaceState(null, "", url);
    else history.pushState(null, "", url);
    if (!replace) steps.current++;
    setWhere(latest.current);
  }).current;
  return {
    where,
    set,
    link: (page, words) => linkTo(where, page, words),
    scope: scopeOf(where.words),
    back: () => {
      if (steps.current > 0) history.back();
      else location.hash = linkTo(where, where.page === "request" ? "requests" : "overview");
    },
  };
}

export interface Asked<T> {
  data: T | null;
  error: ApiError | null;
  old: boolean; // the data answers the question before this one
  slow: boolean; // nothing to show for 300 ms
}

const SLOW_MS = 300;

/** How long the slowest of the last answers took: who asks again and again waits so many times as long in between. */
export const pace = { slowest_ms: 0 };

const KEPT_MOST = 30;
const kept = new Map<string, unknown>();

function keep(path: string, data: unknown): void {
  kept.delete(path);
  kept.set(path, data);
  if (kept.size > KEPT_MOST) kept.delete(kept.keys().next().value as string);
}

/** Ask the server, again when the store grew (what is not `live` only if it failed); what was there stays in sight until the answer is. `null` asks nothing. */
export function useAsk<T>(path: string | null, live = true): Asked<T> {
  const { version } = useLive();
  const [state, setState] = useState<{ path: string | null; data: T | null; error: ApiError | null }>({
    path: null,
    data: null,
    error: null,
  });
  const [slow, setSlow] = useState(false);
  const again = useRef(version);
  if (live || state.error) again.current = version;
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    const began = performance.now();
    ask<T>(path, stop.signal).then(
      (data) => {
        clearTimeout(timer);
        setSlow(false);
        pace.slowest_ms = Math.max(pace.slowest_ms / 2, performance.now() - began);
        keep(path, data);
        setState({ path, data, error: null });
      },
      (error) => {
        clearTimeout(timer);
        if (stop.signal.aborted) return;
        setSlow(false);
        const told = error instanceof ApiError ? error : new ApiError(0, String(error));
        setState((before) => ({ path, data: before.path === path ? before.data : null, error: told }));
      },
    );
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [path, again.current]);
  if (path === null) return { data: null, error: null, old: false, slow: false };
  if (state.path === path) return { data: state.data, error: state.error, old: false, slow };
  const known = kept.get(path) as T | undefined;
  if (known !== undefined) return { data: known, error: null, old: false, slow };
  const same = state.path?.split("?")[0] === path.split("?")[0];
  return { data: same ? state.data : null, error: null, old: same, slow };
}

/** Width of an element in CSS pixels, 0 before it is known. */
export function useWidth<T extends Element>(): [{ current: T | null }, number] {
  const element = useRef<T>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const found = element.current;
    if (!found) return undefined;
    setWidth(found.clientWidth);
    const observer = new ResizeObserver(() => setWidth(found.clientWidth));
    observer.observe(found);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}

/** The colour of a kind of time, as the style sheet has it now; for canvas. */
export function colourOf(kind: string): string {
  return (
    getComputedStyle(document.documentElement)
      .getPropertyValue(`--k-${kindOf(kind).key}`)
      .trim() || "#888888"
  );
}

/** A fixed colour of the style sheet: "--text". */
export function styleColour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888888";
}
