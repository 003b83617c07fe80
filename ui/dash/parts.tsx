/* parts.tsx -- small pieces that all pages are made of: sentences, places in code, bars, what is missing, what went wrong. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Place } from "../api/types";
import { editorLink } from "../model/editor";
import { kindOf } from "../model/kinds";
import { shortFile } from "../model/profile";
import { showMs } from "../model/show";
import { foldColumns } from "../model/statements";
import type { PageName, Where, Words } from "../model/where";
import { type Asked, useLive, useWhere } from "./use";

export const NOT_RECORDED = "not recorded at this level";

/** A time of the API; what was not recorded says so. */
export function Ms({ ms }: { ms: number | null | undefined }) {
  if (typeof ms !== "number") return <Absent />;
  return (
    <span class="part" title={`${ms.toLocaleString("en-US")} ms`}>
      {showMs(ms)}
    </span>
  );
}

export function Absent() {
  return (
    <span class="absent" title={NOT_RECORDED}>
      not recorded
    </span>
  );
}

interface EntryProps {
  label: string;
  value: string;
  onEnter: (text: string) => void;
  type?: "search" | "datetime-local";
  class?: string;
  placeholder?: string;
  inputMode?: "numeric" | "decimal";
  size?: number;
  step?: number;
}

/** A field whose text counts once it is entered; what is half typed outlives the page's renewals, which draw it anew. */
export function Entry({ label, value, onEnter, type, ...rest }: EntryProps) {
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    if (field.current) field.current.value = value;
  }, [value]);
  return (
    <input
      {...rest}
      type={type as "search"} // as good as the other: the types know no input of either
      ref={field}
      aria-label={label}
      onChange={(event) => onEnter(event.currentTarget.value)}
    />
  );
}

interface ToProps {
  page: PageName;
  words?: Words;
  class?: string;
  "data-key"?: string;
  children: ComponentChildren;
}

/** A link to another page; a text in a saved file that does not hold it. */
export function To({ page, words = {}, children, ...rest }: ToProps) {
  const { saved } = useLive();
  const { link } = useWhere();
  if (saved && !saved.holds(page, words)) return <span class={rest.class ?? ""}>{children}</span>;
  return (
    <a href={link(page, words)} {...rest}>
      {children}
    </a>
  );
}

/** The page's answer as a sentence, and what stands small beside it. */
export function Answer({ children, aside }: { children: ComponentChildren; aside?: ComponentChildren }) {
  return (
    <div class="answer">
      <h1>{children}</h1>
      {aside && <p class="aside">{aside}</p>}
    </div>
  );
}

/* With figures that stay beside their units. */
function glued(text: string): string {
  return text.replace(/(\d) (ns|µs|ms|s|min|h|[kMGT]?B)\b/g, "$1\u00a0$2").replace(/(\d) %/g, "$1\u00a0%");
}

export interface Anchor {
  text: string;
  href: string;
}

/** A text with links where one of the anchors' texts first stands in it. */
export function Linked({ text, anchors }: { text: string; anchors: Anchor[] }) {
  const pieces: ComponentChildren[] = [];
  const open = anchors.filter((anchor) => anchor.text !== "" && text.includes(anchor.text));
  const used = new Set<Anchor>();
  let rest = text;
  while (rest !== "") {
    let best: Anchor | null = null;
    let at = rest.length;
    for (const anchor of open) {
      const found = used.has(anchor) ? -1 : rest.indexOf(anchor.text);
      if (found >= 0 && (found < at || (found === at && anchor.text.length > (best?.text.length ?? 0)))) {
        best = anchor;
        at = found;
      }
    }
    pieces.push(glued(rest.slice(0, at)));
    if (!best) break;
    used.add(best);
    pieces.push(
      <a key={pieces.length} href={best.href}>
        {best.text}
      </a>,
    );
    rest = rest.slice(at + best.text.length);
  }
  return <>{pieces}</>;
}

export function Copy({ text, what }: { text: string; what: string }) {
  const [said, setSaid] = useState("copy");
  const copy = (event: Event) => {
    event.stopPropagation();
    const done = (word: string) => {
      setSaid(word);
      setTimeout(() => setSaid("copy"), 1200);
    };
    if (!navigator.clipboard) done("not allowed here");
    else
      navigator.clipboard.writeText(text).then(
        () => done("copied"),
        () => done("not allowed"),
      );
  };
  return (
    <button type="button" class="link copy" title={`copy ${what}`} aria-label={`copy ${what}`} onClick={copy}>
      {said}
    </button>
  );
}

const EDITOR_KEY = "hotplate.editor";

/** The template of links to an editor that this browser keeps; "" for none: then the store's setting holds. */
export function editorTemplate(): string {
  try {
    return localStorage.getItem(EDITOR_KEY) ?? "";
  } catch {
    return "";
  }
}

export function setEditorTemplate(text: string): void {
  try {
    localStorage.setItem(EDITOR_KEY, text);
  } catch {
    // A browser that keeps nothing: the link is off after a reload.
  }
}

interface CodeProps {
  place: Place;
  source?: string | null | undefined;
  name?: boolean; // the function too
  bare?: boolean; // no buttons
  plain?: boolean; // no link to the source: library code, or the source itself
}

/* The source of a place, with the costs of the request or route that one looks at. */
function wordsOf(place: Place, where: Where, saved: string | undefined): Words {
  const words: Words = { file: place.file ?? "", line: String(place.line ?? "") };
  const id = saved ?? (where.page === "request" ? where.words.id : undefined);
  if (id) words.id = id;
  else if (where.words.route) words.route = where.words.route;
  return words;
}

/* A long place wraps at its marks, not in the middle of a name. */
function broken(text: string, marks: RegExp): ComponentChildren {
  return text.split(marks).map((part, k) => (k === 0 ? part : [<wbr key={`${k}`} />, part]));
}

/** `file:line`, a button to copy it, a link to the editor, the source line as it was when recorded. */
export function Code({ place, source, name, bare, plain }: CodeProps) {
  const { editor, saved } = useLive();
  const { where, link } = useWhere();
  if (!place.file) return place.function ? <span class="code">{place.function}</span> : null;
  const line = place.line ? `:${place.line}` : "";
  const full = `${place.file}${line}`;
  const words = wordsOf(place, where, saved?.id);
  const edit = bare ? "" : editorLink(editor, place.file, place.line ?? 1);
  return (
    <span class="code">
      {plain || place.file.startsWith("/") || saved?.holds("source", words) === false ? (
        <span class="where" title={full}>
          {broken(`${shortFile(place.file)}${line}`, /(?<=[/_])/)}
        </span>
      ) : (
        <a class="where" title={full} href={link("source", words)}>
          {broken(`${shortFile(place.file)}${line}`, /(?<=[/_])/)}
        </a>
      )}
      {name && place.function && <span class="in"> in {place.function}</span>}
      {place.via && <span class="in"> via {broken(place.via, /(?<=[._])/)}</span>}
      {!bare && (
        <>
          {" "}
          <Copy text={full} what={full} />
        </>
      )}
      {edit !== "" && (
        <>
          {" "}
          <a href={edit}>edit</a>
        </>
      )}
      {source && <code class="source">{source.trim()}</code>}
    </span>
  );
}

/** A statement in one line. */
export function SqlLine({ text }: { text: string }) {
  return (
    <code class="sql" title={text}>
      {foldColumns(text)}
    </code>
  );
}

/** A bar of `share` of its room. */
export function Bar({ share, kind }: { share: number; kind?: string }) {
  const width = `${Math.max(Math.min(share, 1) * 100, share > 0 ? 0.5 : 0)}%`;
  return (
    <span class="meter" aria-hidden="true">
      <span class={kind ? `fill k-${kindOf(kind).key}` : "fill"} style={{ width }} />
    </span>
  );
}

export function Section(props: {
  title: ComponentChildren;
  note?: ComponentChildren;
  id?: string;
  children: ComponentChildren;
}) {
  return (
    <section class="block" {...(props.id ? { id: props.id } : {})}>
      <h2>
        {props.title}
        {props.note && <span class="note"> {props.note}</span>}
      </h2>
      {props.children}
    </section>
  );
}

/** What is shown while there is no answer, or no good one; otherwise the answer. */
export function Answered<T>({
  asked,
  children,
}: {
  asked: Asked<T>;
  children: (data: T) => ComponentChildren;
}) {
  if (asked.data !== null) {
    return (
      <div class={asked.old ? "body old" : "body"} aria-busy={asked.old}>
        {asked.error && <Wrong error={asked.error} small />}
        {children(asked.data)}
      </div>
    );
  }
  if (asked.error) return <Wrong error={asked.error} />;
  return asked.slow ? <Skeleton /> : <div class="body wait" />;
}

export function Wrong({
  error,
  small,
}: {
  error: Error & { status?: number; login?: boolean };
  small?: boolean;
}) {
  const { bump, saved } = useLive();
  const { link } = useWhere();
  if (error.login) return <Login said={error.message} />;
  return (
    <div class={small ? "wrong small" : "wrong"} role="alert">
      <p>{asSentence(error.message)}</p>
      <p>
        {saved ? (
          <a href={link("request", { id: saved.id })}>to the request</a>
        ) : (
          <>
            <button type="button" onClick={bump}>
              Try again
            </button>{" "}
            {error.status === 404 && <a href={link("overview")}>to the overview</a>}
          </>
        )}
      </p>
    </div>
  );
}

/* An error's line as a sentence; what does not begin with a word stays as it is. */
function asSentence(text: string): string {
  const begun = /^[a-z]+ /.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

function Login({ said }: { said: string }) {
  return (
    <form class="wrong" method="post" action="login">
      <p>{said}</p>
      <label>
        Token <input type="password" name="token" autocomplete="current-password" required />
      </label>{" "}
      <button type="submit">Log in</button>
    </form>
  );
}

function Skeleton() {
  return (
    <div class="body skeleton" aria-label="loading" role="status">
      {[60, 90, 80, 85, 40].map((width) => (
        <div key={width} style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}

/** Names with their values. */
export function Named({ rows, kind = "" }: { rows: [string, ComponentChildren][]; kind?: string }) {
  return (
    <dl class={`facts ${kind}`.trim()}>
      {rows.map(([name, value], k) => (
        <div key={`${name} ${k}`}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Nothing there: why, and what to do. */
export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="no-data">{children}</p>;
}

/** The empty store: the one command to type. */
export function NothingYet() {
  return (
    <div class="nothing">
      <Answer>Nothing is recorded yet.</Answer>
      <p>Start your application with</p>
      <p>
        <Command>hotplate run -- flask --app yourapp run</Command>
      </p>
      <p class="pale">and open one of its pages. What it did appears here by itself.</p>
    </div>
  );
}

export function Command({ children }: { children: string }) {
  return (
    <span class="command">
      <code>{children}</code> <Copy text={children} what="the command" />
    </span>
  );
}

export function Status({ status }: { status: number | undefined }) {
  if (status === undefined) return <span class="pale">none</span>;
  return <span class={status >= 500 ? "bad" : status >= 400 ? "odd" : ""}>{status}</span>;
}
