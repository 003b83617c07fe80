/* client.ts -- asks the server: relative addresses only, so that a sub-path or a proxy needs no configuration. */

/** An answer that is none: what to do, as the server says it. */
export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer at all
    message: string,
    readonly login = false,
  ) {
    super(message);
  }
}

const NO_ANSWER = "The server does not answer. Is hotplate serve still running? The page goes on trying.";

async function readAnswer<T>(response: Response): Promise<T> {
  let body: unknown = null;
  try {
    body = await response.json();
  } catch {
    if (response.ok) throw new ApiError(response.status, "The server's answer is no JSON.");
  }
  if (response.ok) return body as T;
  const said = (body ?? {}) as { error?: unknown; login?: unknown };
  const text = typeof said.error === "string" ? said.error : `The server answered ${response.status}.`;
  throw new ApiError(response.status, text, said.login === true);
}

const NOT_SAVED = "This file holds one request. What you ask for is in the dashboard that it was saved from.";

/* What answers instead of a server: `undefined` for what it does not know. */
let kept: ((path: string) => unknown) | null = null;

/** From now on `answers` says what the server would, and nothing is sent. */
export function answerFrom(answers: (path: string) => unknown): void {
  kept = answers;
}

/** GET api/v1/PATH; throws ApiError. An abort throws what fetch throws. */
export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  if (kept) {
    const answer = kept(path);
    if (answer === undefined) throw new ApiError(404, NOT_SAVED);
    return answer as T;
  }
  let response: Response;
  try {
    response = await fetch(`api/v1/${path}`, { cache: "no-store", ...(signal ? { signal } : {}) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, NO_ANSWER);
  }
  return readAnswer<T>(response);
}

/** POST api/v1/PATH with the token of `meta`; throws ApiError. */
export async function tell(path: string, token: string, body: Record<string, unknown>): Promise<void> {
  let response: Response;
  try {
    response = await fetch(`api/v1/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Hotplate-Token": token },
      body: JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, NO_ANSWER);
  }
  await readAnswer<unknown>(response);
}

/** POST a file to api/v1/PATH; the bytes of the answer. Throws ApiError. */
export async function send(path: string, token: string, file: Blob): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(`api/v1/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream", "X-Hotplate-Token": token },
      body: file,
    });
  } catch {
    throw new ApiError(0, NO_ANSWER);
  }
  if (!response.ok) await readAnswer<unknown>(response);
  return new Uint8Array(await response.arrayBuffer());
}
