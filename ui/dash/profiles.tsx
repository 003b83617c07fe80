/* profiles.tsx -- the merged call tree of whatever is chosen, exact or of samples, in all views of a profile or against the time before; and how to look at files. */
import { useMemo, useState } from "preact/hooks";
import { send } from "../api/client";
import type { DiffAnswer, TreeAnswer, TreeKind } from "../api/types";
import { profileOf, type TreeSource } from "../model/calltree";
import { headline } from "../model/headline";
import { decode } from "../model/profile";
import { showBytes, showMs } from "../model/show";
import { question } from "../model/where";
import { Data } from "../views/data";
import { DeltaFlame } from "./delta";
import { Answer, Answered, Command, Empty, NOT_RECORDED, Section } from "./parts";
import { ViewsOf } from "./profile";
import { Merged } from "./route";
import { useAsk, useLive, useWhere } from "./use";

export function Profiles() {
  const { where, scope, set } = useWhere();
  const { meta } = useLive();
  const { route = "", of = "", against = "" } = where.words;
  const [file, setFile] = useState<Opened | null>(null);
  const asked = useAsk<TreeAnswer>(file ? null : question("tree", { ...scope, route, of }), false);
  const open = (next: Opened | null) => {
    set({ at: "", fn: "", q: "", view: "", thread: "" }, true); // they are of the profile before
    setFile(next);
  };
  if (file) return <OpenedFile file={file} close={() => open(null)} />;
  return (
    <>
      <div class="filters">
        <select
          aria-label="Route"
          value={route}
          onChange={(event) => set({ route: event.currentTarget.value, at: "", fn: "" })}
        >
          <option value="">all routes</option>
          {(meta?.routes ?? []).map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
        <select
          aria-label="What of them"
          value={of}
          onChange={(event) => set({ of: event.currentTarget.value, at: "", fn: "" })}
        >
          {KINDS.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
        <select
          aria-label="Compared with"
          value={against}
          onChange={(event) => set({ against: event.currentTarget.value, at: "", fn: "" })}
        >
          <option value="">by itself</option>
          <option value="before">against the same time before</option>
        </select>
      </div>
      <Answered asked={asked}>
        {(tree) =>
          tree.nodes.length === 0 ? (
            <Empty>{tree.hint ?? `Call trees were ${NOT_RECORDED}.`}</Empty>
          ) : against ? (
            <Against tree={tree} route={route} />
          ) : (
            <Filled tree={tree} title={of === "outside" ? "outside of requests" : route || "all routes"} />
          )
        }
      </Answered>
      <Files open={open} />
    </>
  );
}

const KINDS: [TreeKind | "", string][] = [
  ["", "calls or samples"],
  ["calls", "exact calls"],
  ["samples", "samples of requests"],
  ["outside", "samples outside of requests"],
];

/* The chosen range against the one as long before it. */
function Against({ tree, route }: { tree: TreeAnswer; route: string }) {
  const { from, to } = tree.range ?? {};
  const end = useMemo(() => to ?? Date.now(), [tree]);
  const start = from ?? end;
  const sides = { a: `${start - (end - start)}..${start}`, b: `${start}..${end}` };
  const asked = useAsk<DiffAnswer>(
    start < end ? question("diff", { ...sides, route, of: tree.of ?? "" }) : null,
    false,
  );
  if (start >= end)
    return <Empty>Choose a stretch of time above: all that was recorded has nothing before it.</Empty>;
  return (
    <Answered asked={asked}>
      {(data) =>
        data.before.nodes.length === 0 ? (
          <Empty>There is no tree of the {showMs(end - start)} before.</Empty>
        ) : (
          <>
            <Answer>The {showMs(end - start)} chosen against those before; red grew, blue shrank.</Answer>
            <DeltaFlame data={data} />
          </>
        )
      }
    </Answered>
  );
}

function Filled({ tree, title }: { tree: TreeAnswer; title: string }) {
  const source = useMemo(() => ({ title, requests: tree.requests, nodes: tree.nodes }), [tree, title]);
  return (
    <>
      <Hottest source={source} />
      <Merged tree={tree} title={title} />
    </>
  );
}

/* The sentence of a profile's page, without its links: which function, on whose behalf. */
function Hottest({ source }: { source: TreeSource }) {
  const text = useMemo(() => {
    const data = new Data(profileOf(source));
    return headline(data.profile, data.rows(0), data.whole(0), false)
      .map((piece) => piece.text)
      .join("");
  }, [source]);
  return <Answer>{text}</Answer>;
}

interface Opened {
  name: string;
  data: Data;
}

const FILE_MOST = 32 * 1024 * 1024;

/* Where a profile from elsewhere is opened; nothing of it is kept. */
function Files({ open }: { open: (file: Opened) => void }) {
  const { meta } = useLive();
  const [said, setSaid] = useState("");
  const read = (file: File | null | undefined) => {
    if (!file) return;
    if (file.size > FILE_MOST) {
      setSaid(`${file.name} has more than ${showBytes(FILE_MOST)}: hotplate open shows it.`);
      return;
    }
    setSaid("reading…");
    send(question("profile", { name: file.name }), meta?.token ?? "", file).then(
      (bytes) => open({ name: file.name, data: new Data(decode(bytes)) }),
      (error) => setSaid(`${file.name}: ${error instanceof Error ? error.message : String(error)}`),
    );
  };
  return (
    <Section title="Files" note="pstats, speedscope, pprof, callgrind, collapsed stacks and others">
      {meta?.token ? (
        <p
          class="drop"
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            event.preventDefault();
            read(event.dataTransfer?.files[0]);
          }}
        >
          <label>
            Open or drop a profile{" "}
            <input type="file" onChange={(event) => read(event.currentTarget.files?.[0])} />
          </label>{" "}
          <output>{said}</output>
        </p>
      ) : (
        <p>
          <Command>hotplate open profile.prof</Command>{" "}
          <span class="pale">shows any readable file in the same views.</span>
        </p>
      )}
    </Section>
  );
}

function OpenedFile({ file, close }: { file: Opened; close: () => void }) {
  const text = useMemo(
    () =>
      headline(file.data.profile, file.data.rows(0), file.data.whole(0), false)
        .map((piece) => piece.text)
        .join(""),
    [file],
  );
  return (
    <>
      <Answer
        aside={
          <span class="complete">
            <b class="mono">{file.name}</b> <span>is in no store: a link does not lead here</span>
            <button type="button" class="link" data-key="Escape" onClick={close}>
              close it
            </button>
          </span>
        }
      >
        {text}
      </Answer>
      <ViewsOf data={file.data} />
    </>
  );
}
