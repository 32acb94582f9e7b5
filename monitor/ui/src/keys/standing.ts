// Where a key stands right now. The API says how it was; an end that has passed is over, by the
// clock, without anyone being asked.

import type { Key, KeyStatus } from "../api/managed";
import { most, named, ordered, type Order } from "../roster/sort";

export const STATUSES = ["active", "cooling", "exhausted", "invalid", "inactive"] as const satisfies readonly KeyStatus[];

type Timed = { status: KeyStatus; status_until: string | null };

/** Milliseconds until the state ends by itself; null where it does not. */
export function endsIn(key: { status_until: string | null }, now: number): number | null {
  return key.status_until === null ? null : Date.parse(key.status_until) - now;
}

export function standing(key: Timed, now: number): KeyStatus {
  const ends = endsIn(key, now);
  return (key.status === "cooling" || key.status === "exhausted") && ends !== null && ends <= 0 ? "active" : key.status;
}

/** Out of the pool against anyone's wish. */
export const troubled = (status: KeyStatus) => status === "cooling" || status === "exhausted" || status === "invalid";

const RANK: Record<KeyStatus, number> = { cooling: 0, exhausted: 1, invalid: 2, active: 3, inactive: 4 };

/** Share of the quota that is spent, 0…1 and over; null where there is none. */
export function spentShare(key: { quota_usd: number | null; spent_usd: number }): number | null {
  if (key.quota_usd === null) return null;
  return key.quota_usd > 0 ? key.spent_usd / key.quota_usd : 1;
}

/** Quota bars turn amber here, never red. */
export const NEARLY_SPENT = 0.8;

export const SORTS = ["state", "name", "traffic", "weight", "spent", "uses", "used"] as const;
export type Sort = (typeof SORTS)[number];

/** Problems first unless another column was asked for; ties by provider and name. */
export function inOrder(keys: readonly Key[], sort: string, now: number, provider: (id: number) => string, calls: (id: number) => number = () => 0): Key[] {
  const byName: Order<Key> = (a, b) => named(provider(a.provider_id), provider(b.provider_id)) || named(a.name, b.name) || a.id - b.id;
  const orders: Record<Sort, Order<Key>> = {
    state: (a, b) => RANK[standing(a, now)] - RANK[standing(b, now)],
    name: byName,
    traffic: (a, b) => most(calls(a.id), calls(b.id)),
    weight: (a, b) => most(a.weight, b.weight),
    spent: (a, b) => most(a.spent_usd, b.spent_usd),
    uses: (a, b) => most(a.total_requests, b.total_requests),
    used: (a, b) => most(a.last_used_at ? Date.parse(a.last_used_at) : null, b.last_used_at ? Date.parse(b.last_used_at) : null),
  };
  return ordered(keys, sort, orders, orders.state, byName);
}
