// The one way to the API: typed paths, one kind of failure, and a 401 that anyone may cause but
// only the session handles.

import createClient from "openapi-fetch";
import { language } from "../i18n";
import type { paths } from "./schema";

/** What went wrong, as far as a page needs to know it. `status` 0: the monitor did not answer. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    readonly detail: string | null,
    readonly retryAfterSeconds: number | null,
    /** What is wrong with which field of what was sent. */
    readonly fields: readonly { field: string; message: string }[] = [],
  ) {
    super(detail ?? `HTTP ${status}`);
  }

  /** A refused answer and its problem+json. */
  static from(response: Response, said: unknown): Failure {
    const after = Number(response.headers.get("retry-after"));
    const problem = typeof said === "object" && said !== null ? (said as { detail?: unknown; title?: unknown; errors?: unknown }) : {};
    const detail = [problem.detail, problem.title].find((s): s is string => typeof s === "string" && s !== "") ?? null;
    const fields = (Array.isArray(problem.errors) ? problem.errors : []).filter(
      (e): e is { field: string; message: string } => typeof e?.field === "string" && typeof e?.message === "string",
    );
    return new Failure(response.status, detail, Number.isFinite(after) && after > 0 ? after : null, fields);
  }
}

let onSignedOut: () => void = () => {};

/** Called on every 401 save the sign-in's own. */
export function whenSignedOut(act: () => void) {
  onSignedOut = act;
}

let onWarnings: (warnings: string[]) => void = () => {};

/** Called with what an answer that succeeded warns of, such as `proxy_away`. */
export function whenWarned(act: (warnings: string[]) => void) {
  onWarnings = act;
}

/** What every answer may say beside its body. */
export function heard(response: Response) {
  if (response.status === 401) onSignedOut();
  const warnings = response.headers.get("x-glassway-warnings");
  if (response.ok && warnings) onWarnings(warnings.split(",").map((w) => w.trim()));
}

// Relative to the page, so that the UI works below a path prefix.
export const base = new URL(".", document.baseURI).href.replace(/\/$/, "");

export const api = createClient<paths>({ baseUrl: base, credentials: "same-origin" });

api.use({
  // Refusals come in the page's language, which need not be the browser's.
  onRequest({ request }) {
    request.headers.set("accept-language", language.value);
  },
  onResponse({ response, schemaPath }) {
    if (schemaPath !== "/token") heard(response);
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
  throw Failure.from(response, error);
}
