// The stretch of time a page looks at: a preset that moves with the clock, or two fixed moments. The
// URL is the state; the API moves the edges to whole slots and says which they are.

import type { LocationQuery, LocationQueryRaw } from "vue-router";
import { set, type Name } from "../filters/filters";

export const PRESETS = ["1h", "6h", "24h", "7d", "30d", "90d"] as const;
export type Preset = (typeof PRESETS)[number];
export type Range = { preset: Preset } | { preset: null; since: string; until: string };

/** What each page looks at unless its address says otherwise. */
export const USUAL = { dashboard: "24h", statistics: "7d" } as const satisfies Record<string, Preset>;

/** The slots of an answer. */
export interface Slots {
  since: string;
  until: string;
  width_minutes: number;
  count: number;
}

const HOURS: Record<Preset, number> = { "1h": 1, "6h": 6, "24h": 24, "7d": 168, "30d": 720, "90d": 2160 };
const one = (value: LocationQuery[string] | undefined) => (typeof value === "string" ? value : null);

/** What the address says; what is no range is the usual one. */
export function readRange(query: LocationQuery, usual: Preset): Range {
  const [since, until] = [one(query.since), one(query.until)];
  if (since !== null && until !== null && Date.parse(since) < Date.parse(until)) return { preset: null, since, until };
  const preset = one(query.range);
  return { preset: (PRESETS as readonly (string | null)[]).includes(preset) ? (preset as Preset) : usual };
}

/** The address of a range, the rest of it as it was. */
export function writeRange(query: LocationQuery, range: Range, usual: Preset): LocationQueryRaw {
  if (range.preset === null) return { ...query, range: undefined, since: range.since, until: range.until };
  return { ...query, range: range.preset === usual ? undefined : range.preset, since: undefined, until: undefined };
}

/** What the API is asked for. */
export function asked(range: Range, now: number) {
  const utc_offset = -new Date(now).getTimezoneOffset();
  if (range.preset === null) return { since: range.since, until: range.until, utc_offset };
  // The slot that is only begun is the last one, so that a preset is never longer than its name.
  const since = now - HOURS[range.preset] * 3_600_000 + slotOf(range.preset) * 60_000;
  return { since: new Date(since).toISOString(), utc_offset };
}

/** How wide the API cuts a preset, in minutes. */
const slotOf = (preset: Preset) => ({ "1h": 1, "6h": 5, "24h": 30, "7d": 180, "30d": 720, "90d": 1440 })[preset];

/** Whether what happens now lies in it. */
export const isLive = (range: Range) => range.preset !== null;

export const startOf = (slots: Slots, slot: number) => Date.parse(slots.since) + slot * slots.width_minutes * 60_000;

/** The slots from one to another, both included, as a range of their own. */
export function between(slots: Slots, from: number, to: number): Range {
  const clamp = (n: number) => Math.max(0, Math.min(slots.count - 1, n));
  const [a, b] = [clamp(Math.min(from, to)), clamp(Math.max(from, to))];
  return { preset: null, since: new Date(startOf(slots, a)).toISOString(), until: new Date(startOf(slots, b + 1)).toISOString() };
}

/** The filter of the list that shows what was counted: statistics leave out tests, traces and probes. */
export function filterOf(slots: { since: string; until?: string | null }, terms: Partial<Record<Name, string>> = {}): string {
  let text = set("", "origin", "client,chat,replay");
  // An end that has not come yet would hide what happens next.
  if (slots.until && Date.parse(slots.until) <= Date.now()) text = set(text, "until", slots.until);
  text = set(text, "since", slots.since);
  for (const [name, value] of Object.entries(terms).reverse()) text = set(text, name as Name, value);
  return text;
}

/** The href of the request list with this filter. */
export const hrefOfFilter = (text: string) => `#/requests?${new URLSearchParams({ q: text })}`;
