// The chart of when requests ended, as bars: what went wrong at the foot, all else above it; and the
// stretch that a drag over it means. Pure.

import { between, startOf, type Range, type Slots } from "../charts/span";
import { moment, NAMES, type Filters, type Name } from "../filters/filters";

export interface Bars {
  slots: Slots;
  ok: number[];
  failed: number[];
  most: number;
}

/** Of lines by outcome. */
export function bars(slots: Slots, lines: readonly { name: string | null; calls: readonly number[] }[]): Bars {
  const ok = new Array<number>(slots.count).fill(0);
  const failed = new Array<number>(slots.count).fill(0);
  for (const line of lines) {
    const to = line.name === "ok" ? ok : failed;
    line.calls.forEach((n, slot) => (to[slot] = (to[slot] ?? 0) + n));
  }
  return { slots, ok, failed, most: Math.max(1, ...ok.map((n, slot) => n + failed[slot]!)) };
}

/** What the totals can be narrowed by. */
const COUNTED: readonly Name[] = ["model", "provider", "key", "client_token", "since", "until"];

/** The parts of a filter that the chart leaves out of account; `q` is the text that is searched. */
export const ignored = (filters: Filters): (Name | "q")[] => [...NAMES.filter((name) => filters.by[name] !== undefined && !COUNTED.includes(name)), ...(filters.q ? (["q"] as const) : [])];

const DAY_MS = 86_400_000;

/** What the chart shows for a filter: the filter's own time, or the last day, or the day before its end. */
export function shown(filters: Filters, now: number): Range {
  const since = filters.by.since === undefined ? null : moment(filters.by.since, now);
  const until = filters.by.until === undefined ? null : moment(filters.by.until, now);
  if (since === null && until === null) return { preset: "24h" };
  const end = until ?? now;
  return { preset: null, since: new Date(since ?? end - DAY_MS).toISOString(), until: new Date(end).toISOString() };
}

/** The slot under a pointer, by its share of the width. */
export const slotAt = (share: number, slots: Slots) => Math.max(0, Math.min(slots.count - 1, Math.floor(share * slots.count)));

/** Where a key takes a handle that is at `at`, between `least` and `most`; null: the key does nothing. */
export function stepped(key: string, at: number, least: number, most: number): number | null {
  const steps: Record<string, number> = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity };
  const by = steps[key];
  return by === undefined ? null : Math.max(least, Math.min(most, at + by));
}

/** A drag's stretch as the filter writes it; `until` is left out where it reaches the present. */
export function stretch(slots: Slots, from: number, to: number, now: number): { since: string; until: string | null } {
  const range = between(slots, from, to);
  if (range.preset !== null) throw new Error("a drag is no preset");
  return { since: range.since, until: Date.parse(range.until) >= now ? null : range.until };
}

export { startOf };
