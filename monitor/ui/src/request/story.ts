// An attempt as stretches of time: what Glassway and the upstream were doing, one after the other.
// Pure; the waterfall draws it.

import type { Exchange, Try } from "../api/types";

export type Stage = "queue" | "open" | "wait" | "think" | "flow" | "fail";
export interface Stretch { stage: Stage; from: number; to: number }

export const failed = (t: Try) => t.error != null || (t.status != null && t.status >= 400);
export const endOf = (t: Try, total: number) => (t.duration_ms != null ? (t.start_ms ?? 0) + t.duration_ms : total);

/** Stretches of one attempt in milliseconds from the exchange's start. `before` is where the one before it ended. */
export function stretches(t: Try, before: number, total: number, last: boolean, exchange: Pick<Exchange, "first_token_ms">): Stretch[] {
  const start = t.start_ms ?? 0;
  const end = endOf(t, total);
  const out: Stretch[] = [];
  const add = (stage: Stage, from: number, to: number) => {
    if (to > from) out.push({ stage, from, to });
  };
  add("queue", before, start);
  const connected = Math.min(start + (t.connect_ms ?? 0), end);
  add("open", start, connected);
  if (failed(t)) {
    add("fail", connected, end);
    return out;
  }
  const first = t.ttfb_ms == null ? end : Math.max(connected, Math.min(start + t.ttfb_ms, end));
  const token = last && exchange.first_token_ms != null ? Math.max(first, Math.min(exchange.first_token_ms, end)) : first;
  add("wait", connected, first);
  add("think", first, token);
  add("flow", token, end);
  return out;
}

/** Why the key of the last attempt: its reason, and what the one before it gave. */
export function why(tries: readonly Try[]): { reason: string; before: { key: string; gave: string } | null } | null {
  const last = tries.at(-1);
  if (!last?.reason) return null;
  const bad = tries.at(-2);
  const name = (t: Try) => [t.provider, t.key].filter(Boolean).join("/");
  return {
    reason: last.reason,
    before: bad && failed(bad) ? { key: name(bad), gave: [bad.status, bad.error?.code].filter((x) => x != null && x !== "").join(" ") } : null,
  };
}
