/* follow.ts -- what the page asks for while one looks at it: fetch and XMLHttpRequest by our header in their answers, everything else by what the browser
 * measured. It changes nothing: callers get the promise and the object that they would get without us. */
import type { RequestRow } from "../api/types";
import { type Asked, type PageView, readTold, type Told } from "../model/pageview";

/** A request of this page that the application has recorded. */
export interface Followed {
  id: string;
  name: string; // "GET /items"
  kind: string;
  status: number | null;
  at: number; // ms since the navigation began; below 0: what led to it
  told: Told | null; // by Server-Timing; without it the dashboard knows
}

const MOST = 200;
const ID = /^[0-9a-f]{16}$/;

interface Sent {
  name: string;
  at: number;
}

interface ServerTiming {
  name: string;
  duration: number;
  description: string;
}

function isOurs(url: string): boolean {
  return new URL(url, location.href).origin === location.origin;
}

export function pathOf(url: string): string {
  const { pathname, search } = new URL(url, document.baseURI);
  return pathname + search;
}

/* What the browser kept of the header, as the header's text. */
function toldBy(entry: PerformanceResourceTiming): Told | null {
  const parts = (entry.serverTiming ?? []) as readonly ServerTiming[];
  return readTold(
    parts.map(({ name, duration, description }) => `${name};dur=${duration};desc="${description}"`).join(","),
  );
}

function navigation(): PerformanceNavigationTiming | undefined {
  return performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming | undefined;
}

export class Follower {
  readonly followed: Followed[] = []; // in order; the page itself is the first
  changed: () => void = () => undefined;
  private lcp: number | null = null;
  private readonly root: string; // of the dashboard: what is asked there is ours

  constructor(root: string, id: string) {
    this.root = root;
    const entry = navigation();
    const told = entry ? toldBy(entry) : null;
    this.followed.push({
      id: told?.id || id, // a page out of the browser's cache still names the request it was made by
      name: `GET ${location.pathname}${location.search}`,
      kind: "navigation",
      status: entry?.responseStatus || null,
      at: 0,
      told,
    });
  }

  /** From now on. */
  start(): void {
    this.watchFetch();
    this.watchXhr();
    this.observe("resource", (entry) => this.noteEntry(entry as PerformanceResourceTiming));
    this.observe("largest-contentful-paint", (entry) => {
      this.lcp = entry.startTime;
    });
  }

  private observe(type: string, note: (entry: PerformanceEntry) => void): void {
    if (!PerformanceObserver.supportedEntryTypes?.includes(type)) return;
    new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true });
  }

  private note(seen: Followed): void {
    const known = this.followed.find((one) => one.id === seen.id);
    if (known) {
      known.told ??= seen.told;
      known.status ??= seen.status;
    } else {
      this.followed.push(seen);
      if (this.followed.length > MOST) this.followed.splice(1, 1);
    }
    this.changed();
  }

  private noteAnswer(
    sent: Sent,
    kind: string,
    status: number,
    id: string | null,
    timing: string | null,
  ): void {
    if (id && ID.test(id)) this.note({ ...sent, kind, status, id, told: readTold(timing) });
  }

  /* Images, styles, scripts, and fetches that were under way before we came. */
  private noteEntry(entry: PerformanceResourceTiming): void {
    const told = toldBy(entry);
    if (!told?.id || entry.name.startsWith(this.root)) return;
    this.note({
      id: told.id,
      name: `GET ${pathOf(entry.name)}`,
      kind: entry.initiatorType,
      status: entry.responseStatus || null,
      at: entry.startTime,
      told,
    });
  }

  private watchFetch(): void {
    const original = window.fetch;
    const noteAnswer = this.noteAnswer.bind(this);
    window.fetch = function watched(this: unknown, ...given: Parameters<typeof fetch>) {
      const at = performance.now();
      const done = original.apply(this as Window, given);
      done.then(
        (answer) => {
          const [input, init] = given;
          const method = init?.method ?? (input instanceof Request ? input.method : "GET");
          const url = input instanceof Request ? input.url : String(input);
          const { headers, status } = answer;
          const name = `${method.toUpperCase()} ${pathOf(url)}`;
          noteAnswer(
            { name, at },
            "fetch",
            status,
            headers.get("X-Hotplate-Id"),
            headers.get("Server-Timing"),
          );
        },
        () => undefined, // the caller's to know
      );
      return done;
    };
  }

  private watchXhr(): void {
    const sent = new WeakMap<XMLHttpRequest, Sent>();
    const { open, send } = XMLHttpRequest.prototype;
    const noteAnswer = this.noteAnswer.bind(this);
    XMLHttpRequest.prototype.open = function watched(this: XMLHttpRequest, ...given: unknown[]) {
      sent.set(this, { name: `${String(given[0]).toUpperCase()} ${pathOf(String(given[1]))}`, at: 0 });
      return open.apply(this, given as Parameters<typeof open>);
    } as typeof open;
    XMLHttpRequest.prototype.send = function watched(
      this: XMLHttpRequest,
      ...given: Parameters<typeof send>
    ) {
      const what = sent.get(this);
      if (what) {
        what.at = performance.now();
        const ended = () => {
          if (this.status === 0 || !isOurs(this.responseURL)) return; // others' headers are not ours to read
          const header = (name: string) => this.getResponseHeader(name);
          noteAnswer(what, "xmlhttprequest", this.status, header("X-Hotplate-Id"), header("Server-Timing"));
        };
        this.addEventListener("loadend", ended, { once: true });
      }
      return send.apply(this, given);
    };
  }

  /** How many redirects of this site led to the page, and how long they took. */
  redirects(): { count: number; took_ms: number } {
    const entry = navigation();
    return { count: entry?.redirectCount ?? 0, took_ms: entry ? entry.redirectEnd - entry.redirectStart : 0 };
  }

  /** What the dashboard knows of a request that no header told about, or that nobody could follow. */
  add(row: RequestRow, kind: string, at: number): void {
    const told = {
      id: row.id,
      server_ms: row.duration_ms,
      sql_ms: row.sql_ms ?? null,
      queries: row.sql_count ?? null,
    };
    this.note({ id: row.id, name: row.route, kind, status: row.status ?? null, at, told });
  }

  /** The page view as far as it has come. */
  view(): PageView {
    const entry = navigation();
    const done = (ms: number | undefined) => (ms !== undefined && ms > 0 ? ms : null);
    const resources = (performance.getEntriesByType("resource") as PerformanceResourceTiming[]).filter(
      (one) => !one.name.startsWith(this.root),
    );
    const page = this.followed[0];
    const first = entry?.responseStart ?? 0;
    const asked: Asked[] = [
      {
        name: page.name,
        kind: page.kind,
        start_ms: 0,
        first_ms: first,
        end_ms: Math.max(entry?.responseEnd ?? 0, first),
        server_ms: page.told?.server_ms ?? null,
        queries: page.told?.queries ?? null,
        status: page.status,
        id: page.id,
      },
      ...resources.map((one) => this.askedFor(one)),
    ];
    return {
      path: location.pathname,
      at: performance.timeOrigin,
      ttfb_ms: done(entry?.responseStart),
      download_ms: entry && entry.responseEnd > 0 ? entry.responseEnd - entry.responseStart : null,
      dom_ms: done(entry?.domContentLoadedEventEnd),
      load_ms: done(entry?.loadEventEnd),
      lcp_ms: this.lcp,
      asked: asked.sort((a, b) => a.start_ms - b.start_ms),
      left_out: 0,
    };
  }

  /* What the browser measured, with what our headers told of the same request. */
  private askedFor(entry: PerformanceResourceTiming): Asked {
    const path = isOurs(entry.name) ? pathOf(entry.name) : entry.name;
    const id = toldBy(entry)?.id;
    const ours = this.followed.find((one) =>
      id
        ? one.id === id
        : one.name.endsWith(` ${path}`) &&
          one.kind === entry.initiatorType &&
          Math.abs(one.at - entry.startTime) < 20,
    );
    const told = ours?.told ?? toldBy(entry);
    const first = Math.max(entry.responseStart, entry.startTime);
    return {
      name: ours?.name ?? `GET ${path}`,
      kind: entry.initiatorType,
      start_ms: entry.startTime,
      first_ms: first,
      end_ms: Math.max(entry.responseEnd, first),
      server_ms: told?.server_ms ?? null,
      queries: told?.queries ?? null,
      status: ours?.status ?? (entry.responseStatus || null),
      id: ours?.id ?? id ?? "",
    };
  }
}
