/* saved.ts -- the answers that stand in a saved page: what can be asked there, and where one can go. */
import { type PageName, question, type Words } from "./where";

export interface SavedAnswers {
  id: string; // of the request
  at: number; // when it was saved
  answers: { ask: string; words: Words; answer: unknown }[];
}

/* The same question, whatever the order of its words. */
function keyOf(path: string): string {
  const [name = "", search = ""] = path.split("?", 2);
  const words = new URLSearchParams(search);
  words.sort();
  return `${name}?${words}`;
}

export class Saved {
  readonly id: string;
  readonly at: number;
  private readonly answers: Map<string, unknown>;

  constructor(saved: SavedAnswers) {
    this.id = saved.id;
    this.at = saved.at;
    this.answers = new Map(saved.answers.map((one) => [keyOf(question(one.ask, one.words)), one.answer]));
  }

  answer(path: string): unknown {
    return this.answers.get(keyOf(path));
  }

  /** Whether a link to a page leads anywhere in this file. */
  holds(page: PageName, words: Words): boolean {
    if (page === "request") return words.id === this.id;
    if (page === "source") return this.answer(question("source", { file: words.file ?? "" })) !== undefined;
    return page === "findings" && words.id !== undefined && words.route !== undefined;
  }
}
