// How two reports of the same exchange become one. HTTP and the feed race, so merging must not
// depend on the order: the further of the two wins, and what has finished never runs again.

import type { Exchange } from "../api/types";

/** How far an exchange has come; grows while it runs. Compared from left to right. */
function progress(x: Exchange): number[] {
  return [x.attempts ?? 0, x.status == null ? 0 : 1, x.response_bytes ?? 0, x.live?.tokens ?? 0, x.duration_ms ?? 0, x.request_bytes ?? 0];
}

function further(a: Exchange, b: Exchange): boolean {
  const [x, y] = [progress(a), progress(b)];
  for (let i = 0; i < x.length; i++) {
    if (x[i]! !== y[i]!) return x[i]! > y[i]!;
  }
  return false;
}

/** The exchange both reports describe. Returns `old` itself when `next` adds nothing. */
export function merge(old: Exchange | undefined, next: Exchange): Exchange {
  if (!old) return next;
  const done = old.outcome !== "in_flight";
  if (next.outcome !== "in_flight") return done && same(old, next) ? old : next;
  if (done) return old;
  if (!further(next, old)) return further(old, next) || saidAlike(old, next) ? old : { ...old, pinned: next.pinned, note: next.note };
  // An update may leave out what has not changed.
  return next.live ? next : { ...next, live: old.live };
}

/** What people say of it does not move it on. */
const saidAlike = (a: Exchange, b: Exchange) => a.pinned === b.pinned && a.note === b.note;

function same(a: Exchange, b: Exchange): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

const HEAVY = new Set(["request", "response", "events", "messages", "tries", "curl"]);

/** A detail as a list item: the bodies and frames stay out of the store. */
export function listed(x: Exchange): Exchange {
  // What a list brought is one already.
  if (!("request" in x || "response" in x)) return x;
  return Object.fromEntries(Object.entries(x).filter(([name]) => !HEAVY.has(name))) as unknown as Exchange;
}
