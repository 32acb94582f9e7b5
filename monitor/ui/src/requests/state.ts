// What a row's mark says: one state out of an exchange's outcome, status and, while it runs, the
// time since its last word. Shape, colour and word follow from this alone.

import type { Exchange } from "../api/types";

/** No token for this long is a stall. */
export const STALL_MS = 5_000;

export type State = "waiting" | "streaming" | "stalled" | "ok" | "client_error" | "upstream_error" | "closed" | "rejected";

export const startedAt = (x: Exchange) => Date.parse(x.started_at);

/** When it ended; running: never yet. */
export const endedAt = (x: Exchange) => (x.outcome === "in_flight" ? Infinity : startedAt(x) + (x.duration_ms ?? 0));

/** How long it has run, or ran. `now` is the gateway's time. */
export function elapsed(x: Exchange, now: number): number | null {
  return x.outcome === "in_flight" ? Math.max(0, now - startedAt(x)) : (x.duration_ms ?? null);
}

/** How long a running answer has been silent, where that is a stall. */
export function stall(x: Exchange, now: number): number | null {
  const last = x.live?.last_token_ms;
  if (x.outcome !== "in_flight" || last == null) return null;
  const silent = now - startedAt(x) - last;
  return silent > STALL_MS ? silent : null;
}

export function stateOf(x: Exchange, now: number): State {
  switch (x.outcome) {
    case "in_flight":
      if (stall(x, now) !== null) return "stalled";
      return x.first_token_ms != null || (x.live?.tokens ?? 0) > 0 ? "streaming" : "waiting";
    case "ok":
      return "ok";
    case "client_error":
      return "client_error";
    case "rejected":
      return "rejected";
    case "upstream_error":
      return "upstream_error";
    default:
      return "closed";
  }
}

/** The colour class of a state; `ok` stays quiet in a list. */
export function inkOf(state: State): "run" | "warn" | "ok" | "err" | "off" {
  switch (state) {
    case "waiting": case "streaming": return "run";
    case "stalled": case "client_error": case "rejected": return "warn";
    case "upstream_error": return "err";
    case "ok": return "ok";
    case "closed": return "off";
  }
}

/** What was asked: the path, with its method where that is not the usual one. */
export const pathOf = (x: Exchange) => (x.method === "POST" ? x.path : `${x.method} ${x.path}`);

/** The state in words. */
export function wordOf(x: Exchange, state: State, words: { states: Record<string, string> }): string {
  const key = state === "streaming" || state === "stalled" ? state : x.outcome;
  return words.states[key] ?? x.outcome;
}
