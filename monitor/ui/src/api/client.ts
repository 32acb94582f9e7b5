// The one way to the API: typed paths, one kind of failure, and a 401 that anyone may cause but
// only the session handles.

import createClient from "openapi-fetch";
import type { paths } from "./schema";

/** What went wrong, as far as a page needs to know it. `status` 0: the monitor did not answer. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    readonly detail: string | null,
    readonly retryAfterSeconds: number | null,
  ) {
    super(detail ?? `HTTP ${status}`);
  }
}

let onSignedOut: () => void = () => {};

/** Called on every 401 save the sign-in's own. */
export function whenSignedOut(act: () => void) {
  onSignedOut = act;
}

// Relative to the page, so that the UI works below a path prefix.
export const base = new URL(".", document.baseURI).href.replace(/\/$/, "");

export const api = createClient<paths>({ baseUrl: base, credentials: "same-origin" });

api.use({
  onResponse({ response, schemaPath }) {
    if (response.status === 401 && schemaPath !== "/token") onSignedOut();
  },
});

/** The data of an answered call, or a thrown `Failure`. */
export async function got<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  let answer;
  try {
    answer = await call;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new Failure(0, null, null);
  }
  const { data, error, response } = answer;
  if (response.ok) return data as T;
  const after = Number(response.headers.get("retry-after"));
  const problem = typeof error === "object" && error !== null ? (error as { detail?: unknown; title?: unknown }) : {};
  const detail = [problem.detail, problem.title].find((s): s is string => typeof s === "string" && s !== "") ?? null;
  throw new Failure(response.status, detail, Number.isFinite(after) && after > 0 ? after : null);
}
