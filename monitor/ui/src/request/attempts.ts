// What is said of an attempt, and whether there is anything to say beside the request itself.

import type { Try } from "../api/types";

export type Which = "request" | "response";

/** Both directions; null where it is the client's own. */
export const sides = (t: Try) => (["request", "response"] as const).map((which) => ({ which, side: t[which] ?? null }));

/** A request that went through as it came has no attempts to read. */
export const telling = (tries: readonly Try[]) => tries.length > 1 || tries.some((t) => t.request != null || t.response != null);

/** `2 openai/main 429 rate_limit_exceeded` */
export const title = (t: Try) =>
  [String(t.n), [t.provider, t.key].filter(Boolean).join("/"), t.status == null ? "" : String(t.status), t.error && t.error.code !== "ok" ? t.error.code : ""].filter(Boolean).join(" ");

/** JSON with its lines broken; anything else as it is. Long ones stay as they came. */
export function pretty(body: string): string {
  if (body.length > 200_000 || !/^\s*[[{]/.test(body)) return body;
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
