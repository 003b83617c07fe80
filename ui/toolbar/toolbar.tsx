/* toolbar.tsx -- the badge in a corner, and the panel that it opens: the page's request, what it asked for since, and all of it over time. */
import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import { encodeView, type PageView, sentenceOf, serverOf } from "../model/pageview";
import { showCount, showMs } from "../model/show";
import { Moments, Waterfall } from "../views/waterfall";
import { About } from "./about";
import type { Dashboard, Known } from "./ask";
import type { Followed, Follower } from "./follow";
import { type Corner, nearestCorner, recall, remember, showTicket } from "./memory";

interface Props {
  follower: Follower;
  dashboard: Dashboard;
}

/** Worst first: the colour of the badge. */
function rankOf(known: Known | null | undefined): "bad" | "odd" | "calm" {
  if (!known) return "calm";
  if ((known.request.status ?? 0) >= 500) return "bad";
  const worst = Math.max(0, ...known.findings.map((finding) => finding.share ?? 0));
  return worst >= 0.3 ? "bad" : known.findings.length > 0 ? "odd" : "calm";
}

/* What is stored is until the last byte; the header was written when the first one went out. */
function timeOf(one: Followed, known: Known | null | undefined): number | null {
  return known?.request.duration_ms ?? one.told?.server_ms ?? null;
}

function sqlOf(one: Followed, known: Known | null | undefined): number | null {
  return known?.request.sql_count ?? one.told?.queries ?? null;
}

/** "2.21 s · 41 SQL · 1 problem" */
function badgeText(page: Followed, known: Known | null | undefined): string {
  const words = [];
  const ms = timeOf(page, known);
  const sql = sqlOf(page, known);
  if (ms !== null) words.push(showMs(ms));
  if (sql !== null) words.push(`${showCount(sql)} SQL`);
  const problems = known?.findings.length ?? 0;
  if (problems > 0) words.push(problems === 1 ? "1 problem" : `${problems} problems`);
  return words.length > 0 ? words.join(" · ") : "Hotplate";
}

async function followBack(follower: Follower, dashboard: Dashboard, { request }: Known): Promise<void> {
  const { count, took_ms } = follower.redirects();
  if (count === 0) return;
  const rows = await dashboard.redirectsTo(request, count, took_ms);
  for (const [k, row] of rows.entries()) follower.add(row, "redirect", -1 - k);
}

const ASKED_MOST = 10; // at once, of those that no header tells about

/* Where Server-Timing is not sent, the dashboard says what requests took. */
function useUntold(follower: Follower, dashboard: Dashboard): void {
  const count = follower.followed.length;
  useEffect(() => {
    const untold = follower.followed.filter((one) => one.told === null && one.kind !== "navigation");
    for (const { id, kind, at } of untold.slice(-ASKED_MOST)) {
      dashboard.about(id).then((found) => found && follower.add(found.request, kind, at));
    }
  }, [follower, dashboard, count]);
}

export function Toolbar({ follower, dashboard }: Props) {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const [open, setOpen] = useState(false);
  const [hidden, setHidden] = useState(recall("hidden") === "1");
  const [corner, setCorner] = useState<Corner>(nearestCorner(recall("corner")));
  const [known, setKnown] = useState<Known | null>(null);
  const badge = useRef<HTMLButtonElement>(null);
  const page = follower.followed[0];
  useEffect(() => {
    follower.changed = redraw as () => void;
  }, [follower]);
  useEffect(() => {
    if (hidden) return;
    dashboard.about(page.id).then((found) => {
      setKnown(found);
      if (found) followBack(follower, dashboard, found);
    });
  }, [dashboard, page.id, hidden]);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.altKey && !event.ctrlKey && !event.metaKey && event.code === "KeyH") {
        event.preventDefault();
        setHidden((was) => {
          remember("hidden", was ? "" : "1");
          return !was;
        });
      } else if (event.key === "Escape" && open) {
        setOpen(false);
        badge.current?.focus();
      }
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [open]);
  if (hidden) return null;
  const move = (to: Corner) => {
    remember("corner", to);
    setCorner(to);
  };
  const more = follower.followed.length - 1;
  return (
    <div class={`hotplate ${corner}`}>
      {open && <Panel follower={follower} dashboard={dashboard} known={known} close={() => setOpen(false)} />}
      <button
        type="button"
        class={`badge ${rankOf(known)}`}
        ref={badge}
        aria-expanded={open}
        title="Hotplate: this page's request. Drag it to another corner; Alt+H hides it."
        {...useDrag(move, () => setOpen(!open))}
      >
        {badgeText(page, known)}
        {more > 0 && <span class="more"> +{showCount(more)}</span>}
      </button>
    </div>
  );
}

const FAR = 8; // px: less is a click

/* A press that moves far takes the badge to the corner where it ends, another one clicks. */
function useDrag(move: (corner: Corner) => void, click: () => void) {
  const from = useRef<{ x: number; y: number } | null>(null);
  const dragged = useRef(false);
  return {
    onPointerDown: (event: PointerEvent) => {
      from.current = { x: event.clientX, y: event.clientY };
      dragged.current = false;
      (event.currentTarget as Element).setPointerCapture(event.pointerId);
    },
    onPointerUp: (event: PointerEvent) => {
      const start = from.current;
      from.current = null;
      if (!start || Math.hypot(event.clientX - start.x, event.clientY - start.y) < FAR) return;
      dragged.current = true;
      const vertical = event.clientY < window.innerHeight / 2 ? "top" : "bottom";
      move(nearestCorner(`${vertical}-${event.clientX < window.innerWidth / 2 ? "left" : "right"}`));
    },
    onClick: () => {
      if (!dragged.current) click();
      dragged.current = false;
    },
  };
}

function Panel(props: Props & { known: Known | null; close: () => void }) {
  const { follower, dashboard, known, close } = props;
  const [tab, setTab] = useState<"requests" | "view">("requests");
  const [chosen, setChosen] = useState(follower.followed[0].id);
  useUntold(follower, dashboard);
  return (
    <section class="panel" aria-label="Hotplate">
      <header>
        <b>Hotplate</b>
        <div role="tablist">
          <Tab name="Requests" on={tab === "requests"} choose={() => setTab("requests")} />
          <Tab name="Page view" on={tab === "view"} choose={() => setTab("view")} />
        </div>
        <button type="button" class="close" aria-label="close" onClick={close}>
          ×
        </button>
      </header>
      {tab === "requests" ? (
        <>
          <List follower={follower} dashboard={dashboard} page={known} chosen={chosen} choose={setChosen} />
          <About key={chosen} id={chosen} dashboard={dashboard} />
          <TraceNext dashboard={dashboard} />
        </>
      ) : (
        <View view={follower.view()} dashboard={dashboard} />
      )}
    </section>
  );
}

/* Loads the page again with a ticket; the script takes it back when it starts, so it serves one page and what that asks for until then. */
function TraceNext({ dashboard }: { dashboard: Dashboard }) {
  const [said, setSaid] = useState("");
  const load = async () => {
    const given = await dashboard.ticket();
    if (given?.ticket) {
      showTicket(given.ticket);
      location.reload();
    } else {
      setSaid(given?.hint ?? "the dashboard gave no answer");
    }
  };
  return (
    <p>
      <button
        type="button"
        class="link"
        onClick={load}
        title="every Python call of one request, whatever the level"
      >
        load again, traced
      </button>{" "}
      <span class="pale" role="status">
        {said}
      </span>
    </p>
  );
}

function Tab({ name, on, choose }: { name: string; on: boolean; choose: () => void }) {
  return (
    <button type="button" role="tab" aria-selected={on} onClick={choose}>
      {name}
    </button>
  );
}

interface ListProps extends Props {
  page: Known | null;
  chosen: string;
  choose: (id: string) => void;
}

/* Newest first. */
function List({ follower, dashboard, page, chosen, choose }: ListProps) {
  return (
    <div class="requests">
      <table>
        <thead>
          <tr>
            <th scope="col">request</th>
            <th scope="col" class="number">
              status
            </th>
            <th scope="col" class="number">
              SQL
            </th>
            <th scope="col" class="number">
              server
            </th>
            <th scope="col" class="to">
              <span class="unseen">dashboard</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {[...follower.followed]
            .sort((a, b) => b.at - a.at)
            .map((one) => {
              const known = one.kind === "navigation" ? page : null;
              const sql = sqlOf(one, known);
              const ms = timeOf(one, known);
              const status = one.status ?? known?.request.status;
              return (
                <tr key={one.id} class={one.id === chosen ? "chosen" : ""}>
                  <td class="what">
                    <button
                      type="button"
                      class="link"
                      aria-pressed={one.id === chosen}
                      onClick={() => choose(one.id)}
                    >
                      {known
                        ? known.request.route.split(" ")[0] + one.name.slice(one.name.indexOf(" "))
                        : one.name}
                    </button>
                  </td>
                  <td class={`number ${(status ?? 0) >= 400 ? "wrong" : ""}`}>{status ?? "–"}</td>
                  <td class="number">{sql ?? "–"}</td>
                  <td class="number">{ms === null ? "–" : showMs(ms)}</td>
                  <td class="to">
                    <a href={dashboard.link("request", { id: one.id })} target="_blank" rel="noopener">
                      open
                    </a>
                  </td>
                </tr>
              );
            })}
        </tbody>
      </table>
    </div>
  );
}

function View({ view, dashboard }: { view: PageView; dashboard: Dashboard }) {
  return (
    <div class="view">
      <p class="sentence">{sentenceOf(view)}.</p>
      <Moments view={view} server_ms={serverOf(view)} />
      <Waterfall view={view} link={(id) => dashboard.link("request", { id })} />
      <p>
        <a href={dashboard.link("pageview", { v: encodeView(view) })} target="_blank" rel="noopener">
          share
        </a>{" "}
        <span class="pale">opens this as a page of the dashboard; its address holds all of it</span>
      </p>
    </div>
  );
}
