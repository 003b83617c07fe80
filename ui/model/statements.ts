/* statements.ts -- the statements of a request in order: how often each ran before, stretches of the same one, what repeats; a statement in one line. */
import type { Execution } from "../api/types";

const COLUMNS_MOST = 60;

/** "SELECT … FROM settings WHERE name = ?": without a long list of columns, behind which statements of one table differ. */
export function foldColumns(text: string): string {
  if (!/^\s*SELECT\s/i.test(text)) return text;
  let depth = 0;
  for (const found of text.matchAll(/[()]|\sFROM\s/gi)) {
    if (found[0] === "(") depth++;
    else if (found[0] === ")") depth--;
    else if (depth === 0)
      return found.index > COLUMNS_MOST ? `SELECT … ${text.slice(found.index).trim()}` : text;
  }
  return text;
}

export interface Run {
  first: Execution;
  count: number; // executions of the same statement from the same place, one after the other
  ms: number;
  rows: number | null;
  failed: boolean;
  duplicates: number; // of them, how many ran before with the same parameters
  again: boolean; // the same statement ran before this stretch
}

function timeOf(run: Execution): number {
  return run.execute_ms + (run.fetch_ms ?? 0);
}

/** Executions in order, one row a stretch of the same statement on one lane. */
export function runsOf(executions: Execution[], folded: boolean): Run[] {
  const runs: Run[] = [];
  const seen = new Set<string>();
  for (const run of executions) {
    const last = runs[runs.length - 1];
    const same =
      folded &&
      last !== undefined &&
      last.first.statement === run.statement &&
      last.first.lane === run.lane &&
      last.first.file === run.file &&
      last.first.line === run.line;
    const duplicate = (run.repeat ?? 0) > 0 ? 1 : 0;
    if (same) {
      last.count++;
      last.ms += timeOf(run);
      last.rows = last.rows === null || typeof run.rows !== "number" ? null : last.rows + run.rows;
      last.failed ||= run.error === true;
      last.duplicates += duplicate;
      continue;
    }
    runs.push({
      first: run,
      count: 1,
      ms: timeOf(run),
      rows: run.rows ?? null,
      failed: run.error === true,
      duplicates: duplicate,
      again: seen.has(run.statement),
    });
    seen.add(run.statement);
  }
  return runs;
}
