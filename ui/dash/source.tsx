/* source.tsx -- a source file as it was when it was recorded, with what its lines cost: in one request, or on average in the chosen ones. */
import { useEffect, useMemo } from "preact/hooks";
import type { RequestAnswer, SourceAnswer, TreeAnswer, TreeNode } from "../api/types";
import { type LineCost, lineCosts } from "../model/linecost";
import { showMs } from "../model/show";
import { question } from "../model/where";
import { Answer, Answered, Bar, Code, Empty, NOT_RECORDED, Wrong } from "./parts";
import { useAsk, useWhere } from "./use";

export function Source() {
  const { where, scope } = useWhere();
  const { file = "", id = "", route = "" } = where.words;
  const source = useAsk<SourceAnswer>(question("source", { file }), false);
  const request = useAsk<RequestAnswer>(id ? question("request", { id }) : null, false);
  const tree = useAsk<TreeAnswer>(id ? null : question("tree", { ...scope, route }), false);
  const costs = id ? request : tree;
  const nodes = costs.data && (costs.data.nodes ?? []);
  const requests = id ? 1 : Math.max(tree.data?.requests ?? 1, 1);
  return (
    <Answered asked={source}>
      {(data) => (
        <>
          <File data={data} nodes={nodes} requests={requests} />
          {costs.error && <Wrong error={costs.error} small />}
        </>
      )}
    </Answered>
  );
}

interface FileProps {
  data: SourceAnswer;
  nodes: TreeNode[] | null; // null: not answered
  requests: number;
}

function File({ data, nodes, requests }: FileProps) {
  const { where, link } = useWhere();
  const { id, route } = where.words;
  const chosen = Number(where.words.line ?? 0) || 0;
  const costs = useMemo(() => lineCosts(nodes ?? [], data.file, requests), [nodes, data.file, requests]);
  const lines = useMemo(() => data.text.replace(/\n$/, "").split("\n"), [data.text]);
  const calls = [...costs].filter(([, cost]) => cost.total_ms > 0);
  const dearest = calls.sort((a, b) => b[1].total_ms - a[1].total_ms)[0];
  const most = dearest?.[1].total_ms ?? 0;
  useEffect(() => {
    document.querySelector(".source-file .chosen")?.scrollIntoView({ block: "center" });
  }, [data.file, chosen]);
  return (
    <>
      <Answer
        aside={
          <span class="complete">
            <Code place={{ file: data.file, line: chosen || 1 }} plain />
            {id ? (
              <span>
                times in <a href={link("request", { id })}>request {id.slice(0, 8)}</a>
              </span>
            ) : (
              nodes && (
                <span>
                  mean of {requests === 1 ? "one request" : `${requests} requests`}
                  {route ? ` of ${route}` : ""}
                </span>
              )
            )}
          </span>
        }
      >
        {dearest ? (
          <>
            What line {dearest[0]} of {data.file} calls takes {showMs(most)}.
          </>
        ) : (
          data.file
        )}
      </Answer>
      {nodes?.length === 0 && <Empty>What lines cost was {NOT_RECORDED}; level trace records it.</Empty>}
      <div class="rows">
        <table class="source-file">
          <caption class="unseen">{data.file}</caption>
          <thead>
            <tr>
              <th scope="col" class="num">
                Line
              </th>
              <th scope="col" class="num" title="of what the line calls">
                Calls take
              </th>
              <th scope="col" class="num extra">
                Times
              </th>
              <th scope="col">Source</th>
            </tr>
          </thead>
          <tbody>
            {lines.map((text, k) => (
              <Line
                key={String(k)}
                line={k + 1}
                text={text}
                cost={costs.get(k + 1)}
                most={most}
                chosen={k + 1 === chosen}
              />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

interface LineProps {
  line: number;
  text: string;
  cost: LineCost | undefined;
  most: number;
  chosen: boolean;
}

function Line({ line, text, cost, most, chosen }: LineProps) {
  const total = cost?.total_ms ?? 0;
  return (
    <tr class={chosen ? "chosen" : ""}>
      <td class="num pale">{line}</td>
      <td class="num">
        {total > 0 && (
          <span class="amount">
            {showMs(total)}
            <Bar share={most > 0 ? total / most : 0} />
          </span>
        )}
        {total === 0 && (cost?.own_ms ?? 0) > 0 && (
          <span class="pale" title="own time, without what is called">
            itself {showMs(cost?.own_ms)}
          </span>
        )}
      </td>
      <td class="num extra pale">{cost && cost.calls > 0 ? `${Number(cost.calls.toPrecision(3))}×` : ""}</td>
      <td>
        <code>{text === "" ? " " : text}</code>
      </td>
    </tr>
  );
}
