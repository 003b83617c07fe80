/* stub.ts -- a server for the tests of the dashboard: the built files with the real policy, the answers of fixture.ts. */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { UI } from "./browser";
import { encode, smallProfile } from "./encode";
import * as fixture from "./fixture";

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";
const TYPES: Record<string, string> = { html: "text/html", js: "text/javascript", css: "text/css" };

type Answers = Record<string, (words: URLSearchParams) => unknown>;

const ANSWERS: Answers = {
  meta: () => fixture.META,
  overview: () => fixture.OVERVIEW,
  routes: () => ({ schema: 1, routes: fixture.ROUTES }),
  route: (words) => fixture.routeAnswer(words.get("route") ?? "", words.has("min_ms")),
  tree: (words) => fixture.tree(words.get("of") ?? ""),
  requests: (words) => ({ ...fixture.REQUESTS, offset: Number(words.get("offset") ?? 0) }),
  request: (words) => fixture.request(words.get("id") ?? ""),
  sql: () => fixture.SQL,
  findings: (words) => ({
    schema: 1,
    findings: fixture.FINDINGS.filter(
      (finding) => !words.has("route") || finding.route === words.get("route"),
    ),
    muted: fixture.LEDGER.filter((row) => row.muted),
    ledger: fixture.LEDGER,
    not_checked: fixture.OVERVIEW.not_checked,
  }),
  compare: () => fixture.COMPARE,
  diff: () => fixture.diff(),
  process: () => fixture.PROCESS,
  source: (words) => fixture.source(words.get("file") ?? ""),
  settings: () => fixture.SETTINGS,
  plan: () => fixture.plan(false),
};

export class Failure {
  constructor(
    readonly status: number,
    readonly error: string,
  ) {}
}

export interface Stub {
  url: string;
  asked: string[]; // paths below api/v1, in order
  told: { path: string; token: string; body: unknown }[];
  change: (answers: Answers) => void; // from now on; {} as at first
  close: () => void;
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, {
    "Content-Type": type,
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
  });
  response.end(body);
}

function file(response: ServerResponse, name: string): void {
  try {
    const type = TYPES[name.split(".").pop() ?? ""] ?? "application/octet-stream";
    send(response, 200, `${type}; charset=utf-8`, readFileSync(join(UI, "dist/dash", name)));
  } catch {
    send(response, 404, "application/json", '{"error": "no such file"}');
  }
}

/** Serve below `mount` ("/" or "/a/b/"). */
export async function stub(mount = "/"): Promise<Stub> {
  const asked: string[] = [];
  const told: Stub["told"] = [];
  let changed: Answers = {};
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? "/", "http://stub");
    if (!url.pathname.startsWith(mount)) return send(response, 404, "text/plain", "elsewhere");
    const path = url.pathname.slice(mount.length);
    if (path === "") return file(response, "index.html");
    const name = /^api\/v1\/([a-z]+)$/.exec(path)?.[1];
    if (!name) return file(response, path.replaceAll("/", ""));
    if (request.method === "POST") {
      let text = "";
      request.on("data", (part) => {
        text += part;
      });
      request.on("end", () => {
        if (name === "profile") {
          if (text === "no profile")
            send(response, 400, "application/json", '{"error": "byte 0: no profile"}');
          else send(response, 200, "application/octet-stream", Buffer.from(encode(smallProfile())));
          return;
        }
        told.push({ path: name, token: String(request.headers["x-hotplate-token"]), body: JSON.parse(text) });
        send(response, 200, "application/json", '{"ok": true}');
      });
      return undefined;
    }
    asked.push(name + url.search);
    const answer =
      (changed[name] ?? ANSWERS[name])?.(url.searchParams) ?? new Failure(404, "no such question");
    const failed = answer instanceof Failure;
    return send(
      response,
      failed ? answer.status : 200,
      "application/json",
      JSON.stringify(failed ? { error: answer.error } : answer),
    );
  };
  const server: Server = createServer(handle);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${mount}`,
    asked,
    told,
    change: (answers) => {
      changed = answers;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
