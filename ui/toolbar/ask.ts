/* ask.ts -- asks the dashboard about a request that was just made. It may not be stored yet, so it is looked for first, by a question that is answered
 * with an empty list then: an answer of 404 would stand on the page's console. */
import type { Finding, FindingsAnswer, RequestAnswer, RequestsAnswer } from "../api/types";
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

  private async find(id: string): Promise<Known | null> {
    try {
      for (const wait of WAITS_MS) {
        await new Promise((done) => setTimeout(done, wait));
        const list = await this.ask<RequestsAnswer>("requests", { text: id, revision: "*", limit: "1" });
        if (list.total > 0) return await this.tell(id);
      }
    } catch {
      // no answer is an answer: the panel says that it has none
    }
    this.known.delete(id);
    return null;
  }

  private async tell(id: string): Promise<Known> {
    const request = await this.ask<RequestAnswer>("request", { id });
    const { findings } = await this.ask<FindingsAnswer>("findings", { route: request.route });
    return { request, findings: findingsOf(request, findings) };
  }

  private async ask<T>(name: string, words: Words): Promise<T> {
    const answer = await fetchNow(`${this.root}api/v1/${question(name, words)}`, { cache: "no-store" });
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    return (await answer.json()) as T;
  }
}
