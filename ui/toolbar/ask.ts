/* ask.ts -- asks the dashboard about a request that was just made. It may not be stored yet, so it is looked for first, by a question that is answered
 * with an empty list then: an answer of 404 would stand on the page's console. */
import type { Finding, FindingsAnswer, RequestAnswer, RequestRow, RequestsAnswer } from "../api/types";
import { findingsOf } from "../model/seen";
import { question, type Words } from "../model/where";

export interface Known {
  request: RequestAnswer;
  findings: Finding[]; // of its route, that are to be seen in it
}

/** As GET api/v1/ticket has it. */
export interface Ticket {
  ticket?: string;
  seconds?: number;
  hint?: string; // why there is no ticket
}

const SLACK_MS = 200; // between what browser and server call the beginning
const WAITS_MS = [150, 350, 700, 1500, 3000, 6000];

const fetchNow = window.fetch.bind(window); // before anybody follows it

export class Dashboard {
  private readonly known = new Map<string, Promise<Known | null>>();
  constructor(readonly root: string) {}

  /** The dashboard's page about it. */
  link(page: string, words: Words): string {
    return `${this.root}#/${question(page, words)}`;
  }

  /** Everything about a request; null when it is not there, or not for us. */
  about(id: string): Promise<Known | null> {
    const known = this.known.get(id) ?? this.find(id);
    this.known.set(id, known);
    return known;
  }

  /** What lets one request be traced; null when there is none to be had. */
  async ticket(): Promise<Ticket | null> {
    try {
      return await this.ask<Ticket>("ticket", {});
    } catch {
      return null;
    }
  }

  /** The last so many redirects that led to a request, newest first: the page's script can see how many, not which. By the server's clock. */
  async redirectsTo(request: RequestAnswer, count: number, took_ms: number): Promise<RequestRow[]> {
    const to = Math.round(request.start_ns / 1e6);
    const from = Math.floor(to - took_ms - SLACK_MS);
    const words = { status: "3xx", revision: "*", limit: `${count}`, from: `${from}`, to: `${to + 1}` };
    try {
      return (await this.ask<RequestsAnswer>("requests", words)).requests;
    } catch {
      return [];
    }
  }

  private async find(id: string): Promise<Known | null> {
    try {
      for (const wait of WAITS_MS) {
        await new Promise((done) => setTimeout(done, wait));
        const list = await this.ask<RequestsAnswer>("requests", { text: id, revision: "*", limit: "1" });
        if (list.total > 0) return await this.tell(list.requests[0]);
      }
    } catch {
      // no answer is an answer: the panel says that it has none
    }
    this.known.delete(id);
    return null;
  }

  private async tell(row: RequestRow): Promise<Known> {
    const answer = await this.ask<RequestAnswer>("request", { id: row.id });
    const request = { ...row, ...answer }; // the list counts statements
    const { findings } = await this.ask<FindingsAnswer>("findings", { route: request.route });
    return { request, findings: findingsOf(request, findings) };
  }

  private async ask<T>(name: string, words: Words): Promise<T> {
    const answer = await fetchNow(`${this.root}api/v1/${question(name, words)}`, { cache: "no-store" });
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    return (await answer.json()) as T;
  }
}
