// How long the record is kept: what is typed, what counts, and what would go by it.

import { needed, number, whole } from "../roster/form";
import type { Settings } from "../api/types";

export const DAY_S = 86_400;

export interface Kept { exchanges: string; days: string; own: boolean }

/** What the form shows: what was set while it runs, else what is configured. */
export function keptOf(settings: Pick<Settings, "max_exchanges" | "max_age_s"> & { instance: { record: { max_exchanges: number; max_age_s: number } } }): Kept {
  const own = settings.max_exchanges !== null || settings.max_age_s !== null;
  const exchanges = settings.max_exchanges ?? settings.instance.record.max_exchanges;
  const age = settings.max_age_s ?? settings.instance.record.max_age_s;
  return { exchanges: exchanges ? String(exchanges) : "", days: age ? String(Math.round((age / DAY_S) * 100) / 100) : "", own };
}

/** What the API is told. Nothing typed is no cap; `own` off is the configuration's. */
export function inputOf(kept: Kept): { max_exchanges: number | null; max_age_s: number | null } {
  if (!kept.own) return { max_exchanges: null, max_age_s: null };
  const exchanges = whole("exchanges", kept.exchanges) ?? 0;
  const days = number("days", kept.days) ?? 0;
  needed("exchanges", exchanges < 0 ? null : exchanges);
  needed("days", days < 0 ? null : days);
  return { max_exchanges: exchanges, max_age_s: Math.round(days * DAY_S) };
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
