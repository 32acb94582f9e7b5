// How long the record is kept: what is typed, what counts, and what would go by it.

import { needed, number, whole } from "../roster/form";
import type { Settings } from "../api/types";

export const DAY_S = 86_400;

const GB = 1_000_000_000;

/** As typed: requests, days, days of bodies, gigabytes. */
export interface Kept { exchanges: string; days: string; bodyDays: string; disk: string; own: boolean }

type Limits = Pick<Settings, "max_exchanges" | "max_age_s" | "max_body_age_s" | "max_disk_bytes">;
type Set = { [name in keyof Limits]-?: number };

/** What the form shows: what was set while it runs, else what is configured. */
export function keptOf(settings: Limits & { instance: { record: Set } }): Kept {
  const names = ["max_exchanges", "max_age_s", "max_body_age_s", "max_disk_bytes"] as const;
  const shown = (name: keyof Limits, unit: number) => {
    const value = settings[name] ?? settings.instance.record[name];
    return value ? String(Math.round((value / unit) * 100) / 100) : "";
  };
  return {
    exchanges: shown("max_exchanges", 1), days: shown("max_age_s", DAY_S), bodyDays: shown("max_body_age_s", DAY_S), disk: shown("max_disk_bytes", GB),
    own: names.some((name) => settings[name] !== null),
  };
}

/** What the API is told. Nothing typed is no cap; `own` off is the configuration's. */
export function inputOf(kept: Kept): { [name in keyof Set]: number | null } {
  if (!kept.own) return { max_exchanges: null, max_age_s: null, max_body_age_s: null, max_disk_bytes: null };
  const exchanges = whole("exchanges", kept.exchanges) ?? 0;
  needed("exchanges", exchanges < 0 ? null : exchanges);
  const amount = (field: "days" | "bodyDays" | "disk", unit: number) => {
    const value = number(field, kept[field]) ?? 0;
    needed(field, value < 0 ? null : value);
    return Math.round(value * unit);
  };
  return { max_exchanges: exchanges, max_age_s: amount("days", DAY_S), max_body_age_s: amount("bodyDays", DAY_S), max_disk_bytes: amount("disk", GB) };
}

/** How many requests go by these caps (0 is none); null where a cap is set and nobody knows what is over it. */
export function over(cap: { most: number; age: number }, known: { all: number | null; older: number | null }): number | null {
  const byCount = cap.most ? (known.all === null ? null : Math.max(0, known.all - cap.most)) : 0;
  const byAge = cap.age ? known.older : 0;
  return byCount === null || byAge === null ? null : Math.max(byCount, byAge);
}

/** Parts of a whole as shares of a bar; nothing smaller than can be seen. */
export function shares(parts: readonly (readonly [name: string, bytes: number])[]): { name: string; bytes: number; share: number }[] {
  // Not the file's size: a part of it may still stand in the log beside it.
  const whole = parts.reduce((n, [, bytes]) => n + bytes, 0);
  return parts.filter(([, bytes]) => bytes > 0).map(([name, bytes]) => ({ name, bytes, share: Math.max(0.004, bytes / whole) })).sort((a, b) => b.bytes - a.bytes);
}
