// How long the record is kept: what is typed, what counts, and what would go by it.

import { needed, number, whole } from "../roster/form";
import type { Settings } from "../api/types";

export const DAY_S = 86_400;

const GB = 1_000_000_000;

/** As typed: requests, days, days of bodies, gigabytes. */
export interface Kept { exchanges: string; days: string; bodyDays: string; disk: string; own: boolean }

const NAMES = ["max_exchanges", "max_age_s", "max_body_age_s", "max_disk_bytes"] as const;
type Name = (typeof NAMES)[number];
type Limits = Pick<Settings, Name> & { instance: { record: { [name in Name]: number } } };
/** What the API is told: `null` is the configuration's, what is left out stays. */
export type Change = { [name in Name]?: number | null };

/** What counts: what was set while it runs, else what is configured. */
export function counts(name: Name, limits: Limits, change: Change = {}): number {
  return (name in change ? change[name] : limits[name]) ?? limits.instance.record[name];
}

/** What the form shows. */
export function keptOf(limits: Limits): Kept {
  const shown = (name: Name, unit: number) => {
    const value = counts(name, limits);
    return value ? String(unit === 1 ? value : Number((value / unit).toPrecision(6))) : "";
  };
  return {
    exchanges: shown("max_exchanges", 1), days: shown("max_age_s", DAY_S), bodyDays: shown("max_body_age_s", DAY_S), disk: shown("max_disk_bytes", GB),
    own: NAMES.some((name) => limits[name] !== null),
  };
}

/**
 * What is to be changed. Nothing typed is no cap; `own` off gives all back to the configuration.
 * A limit whose text nobody edited is not read back from it, for the text is rounded: it is left
 * out, or, where the limits have just become own ones, said as exactly as it counts now.
 */
export function inputOf(kept: Kept, limits: Limits): Change {
  if (!kept.own) return Object.fromEntries(NAMES.filter((name) => limits[name] !== null).map((name) => [name, null]));
  const was = keptOf(limits);
  const exchanges = () => {
    const value = whole("exchanges", kept.exchanges) ?? 0;
    return needed("exchanges", value < 0 ? null : value);
  };
  const amount = (field: "days" | "bodyDays" | "disk", unit: number) => () => {
    const value = number(field, kept[field]) ?? 0;
    needed(field, value < 0 ? null : value);
    // However little it is, it is a cap; 0 would be none.
    return value === 0 ? 0 : Math.max(1, Math.round(value * unit));
  };
  const all = [
    ["max_exchanges", "exchanges", exchanges], ["max_age_s", "days", amount("days", DAY_S)],
    ["max_body_age_s", "bodyDays", amount("bodyDays", DAY_S)], ["max_disk_bytes", "disk", amount("disk", GB)],
  ] as const;
  const change: Change = {};
  for (const [name, field, read] of all) {
    if (kept[field].trim() !== was[field]) change[name] = read();
    else if (!was.own) change[name] = counts(name, limits);
  }
  return change;
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
