/* waterfall.tsx -- a page view as a picture: a bar for each thing the browser asked for, the server's part of it filled. Of the toolbar and the dashboard. */
import { type Asked, endOf, type PageView, within } from "../model/pageview";
import { showMs } from "../model/show";

const MARKS = { paint: "largest paint", load: "load" };

function marksOf(view: PageView): { name: keyof typeof MARKS; ms: number }[] {
  const marks = [
    { name: "paint" as const, ms: view.lcp_ms },
    { name: "load" as const, ms: view.load_ms },
  ];
  return marks.flatMap(({ name, ms }) => (ms === null ? [] : [{ name, ms }]));
}

export function Waterfall({ view, link }: { view: PageView; link: (id: string) => string }) {
  const end = Math.max(endOf(view), 1);
  const marks = marksOf(view);
  return (
    <table class="asked">
      <caption>
        <i class="all" /> browser and network <i class="server" /> server
        {marks.map(({ name }) => (
          <span key={name}>
            <i class={name} /> {MARKS[name]}
          </span>
        ))}
      </caption>
      <thead>
        <tr>
          <th scope="col">request</th>
          <th scope="col" class="number">
            server
          </th>
          <th scope="col" class="number">
            all
          </th>
          <th scope="col" class="track">
            <span class="from">0</span>
            <span class="to">{showMs(end)}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {within(view).map((asked, index) => (
          <tr key={`${index} ${asked.name}`}>
            <td class="what" title={`${asked.name} (${asked.kind})`}>
              {asked.id === "" ? asked.name : <a href={link(asked.id)}>{asked.name}</a>}
            </td>
            <td class="number">{asked.server_ms === null ? "–" : showMs(asked.server_ms)}</td>
            <td class="number">{showMs(asked.end_ms - asked.start_ms)}</td>
            <td class="track">
              <Bar asked={asked} end={end} />
              {marks.map(({ name, ms }) => (
                <i
                  key={name}
                  class={`moment ${name}`}
                  title={`${MARKS[name]} at ${showMs(ms)}`}
                  style={{ left: `${Math.min(ms / end, 1) * 100}%` }}
                />
              ))}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function place(from: number, to: number, end: number) {
  return { left: `${(from / end) * 100}%`, width: `${(Math.max(to - from, 0) / end) * 100}%` };
}

function Bar({ asked, end }: { asked: Asked; end: number }) {
  const { start_ms, first_ms, end_ms, server_ms } = asked;
  const said = `${showMs(start_ms)} to ${showMs(end_ms)}, first byte after ${showMs(first_ms - start_ms)}`;
  return (
    <span class="bars" title={said}>
      <span class="all" style={place(start_ms, end_ms, end)} />
      {server_ms !== null && (
        <span class="server" style={place(Math.max(first_ms - server_ms, start_ms), first_ms, end)} />
      )}
    </span>
  );
}

/** The browser's own times beside the server's. */
export function Moments({ view, server_ms }: { view: PageView; server_ms: number | null }) {
  const rows: [string, number | null][] = [
    ["server", server_ms],
    ["first byte", view.ttfb_ms],
    ["download", view.download_ms],
    ["DOM ready", view.dom_ms],
    ["largest paint", view.lcp_ms],
    ["load", view.load_ms],
  ];
  return (
    <dl class="moments">
      {rows.map(([name, ms]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{ms === null ? "not told" : showMs(ms)}</dd>
        </div>
      ))}
    </dl>
  );
}
