/* settings.tsx -- what all workers obey, what this browser remembers, and what is stored where. */
import { useState } from "preact/hooks";
import { ApiError, tell } from "../api/client";
import type { SettingKey, SettingsAnswer } from "../api/types";
import { editorLink } from "../model/editor";
import { showBytes, showShare } from "../model/show";
import { MutedList } from "./findings";
import { Answer, Answered, Bar, Empty, editorTemplate, Section, setEditorTemplate } from "./parts";
import { useAsk, useLive } from "./use";

export function Settings() {
  const asked = useAsk<SettingsAnswer>("settings");
  return <Answered asked={asked}>{(data) => <Filled data={data} />}</Answered>;
}

function Filled({ data }: { data: SettingsAnswer }) {
  const { meta } = useLive();
  const { bytes, max_bytes, path } = data.store;
  const set = Object.keys(data.settings).length;
  return (
    <>
      <Answer>
        {set === 0
          ? "No setting is changed."
          : `${set} ${set === 1 ? "setting is" : "settings are"} changed.`}
        {!meta?.token && " You may read, not change."}
      </Answer>
      <Section title="For everybody" note="kept in the store">
        {data.keys.length === 0 ? (
          <Empty>There is nothing to set.</Empty>
        ) : (
          <div class="settings">
            {data.keys.map((key) => (
              <Row key={key.key} row={key} value={data.settings[key.key] ?? null} />
            ))}
          </div>
        )}
      </Section>
      <MutedList rows={data.muted} />
      <Section title="Store">
        <dl class="facts long">
          <div>
            <dt>file</dt>
            <dd class="mono">{path ?? meta?.store}</dd>
          </div>
          <div>
            <dt>size</dt>
            <dd>
              {showBytes(bytes)}
              {typeof max_bytes === "number" && typeof bytes === "number" && (
                <>
                  {" "}
                  of {showBytes(max_bytes)}, {showShare(bytes, max_bytes)} <Bar share={bytes / max_bytes} />
                </>
              )}
            </dd>
          </div>
          {typeof data.store.max_age_s === "number" && (
            <div>
              <dt>requests are kept for</dt>
              <dd>{days(data.store.max_age_s)}</dd>
            </div>
          )}
          <div>
            <dt>version</dt>
            <dd>{data.version}</dd>
          </div>
        </dl>
      </Section>
      <Section title="Redaction" note="values are let through only where the application runs">
        <dl class="facts long">
          <div>
            <dt>never kept</dt>
            <dd>
              values of headers, configuration, arguments and keys whose name holds{" "}
              {(data.redacted ?? []).join(", ").toLowerCase()}, or a word of <code>redact</code> above
            </dd>
          </div>
          <div>
            <dt>kept where named</dt>
            <dd>
              other headers, configuration values, and values of arguments and keys: <code>headers=</code>,{" "}
              <code>config=</code> and <code>inputs=</code> of Hotplate(app); a request's page shows them
            </dd>
          </div>
          <div>
            <dt>SQL, logs, exceptions</dt>
            <dd>without literals: folded before they leave the application's process</dd>
          </div>
        </dl>
      </Section>
      <Editor />
    </>
  );
}

function days(seconds: number): string {
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 86_400)} days`;
}

function Row({ row, value }: { row: SettingKey; value: string | null }) {
  const { meta, bump } = useLive();
  const [text, setText] = useState(value ?? "");
  const [said, setSaid] = useState("");
  const send = (next: string | null) => {
    tell("settings", meta?.token ?? "", { key: row.key, value: next }).then(
      () => {
        setSaid("saved");
        if (next === null) setText("");
        bump();
      },
      (error) => setSaid(error instanceof ApiError ? error.message : String(error)),
    );
  };
  const id = `setting-${row.key}`;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send(text);
      }}
    >
      <label for={id}>
        <b class="mono">{row.key}</b> <span class="pale">{row.what}</span>
      </label>
      <span class="edit">
        {row.kind === "lines" ? (
          <textarea
            id={id}
            class="mono"
            rows={4}
            value={text}
            disabled={!meta?.token}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        ) : (
          <input
            id={id}
            value={text}
            disabled={!meta?.token}
            placeholder={row.kind}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        )}
        {meta?.token && (
          <>
            <button type="submit" disabled={text === (value ?? "")}>
              Save
            </button>
            {value !== null && (
              <button type="button" class="link" onClick={() => send(null)}>
                take back
              </button>
            )}
          </>
        )}
        <output>{said}</output>
      </span>
    </form>
  );
}

const EXAMPLE = "vscode://file/home/me/shop/{file}:{line}";

function Editor() {
  const [text, setText] = useState(editorTemplate);
  const good = text === "" || editorLink(text, "x.py", 1) !== "";
  return (
    <Section title="Editor" note="kept in this browser; goes before the setting of all">
      <div class="settings">
        <div>
          <label for="editor">
            Link of the word “edit” beside places in code; {"{file}"} is relative to the application, so put
            its folder before it.
          </label>
          <span class="edit">
            <input
              id="editor"
              class="long"
              value={text}
              placeholder={EXAMPLE}
              onInput={(event) => {
                setText(event.currentTarget.value);
                setEditorTemplate(event.currentTarget.value);
              }}
            />
            <output class={good ? "" : "bad"}>
              {good ? "" : `not a link of an editor; like ${EXAMPLE}`}
            </output>
          </span>
        </div>
      </div>
    </Section>
  );
}
