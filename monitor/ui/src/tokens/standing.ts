// Where a client token stands right now, and its expiry as a field of a form holds it.

import type { ClientToken } from "../api/managed";
import { forInput } from "../format/time";
import type { PoolState } from "../roster/StateMark.vue";

export type Standing = "on" | "off" | "expired" | "spent";

export function standingOf(t: Pick<ClientToken, "enabled" | "expires_at" | "budget_usd" | "spent_usd">, now: number): Standing {
  if (!t.enabled) return "off";
  if (t.expires_at !== null && Date.parse(t.expires_at) <= now) return "expired";
  if (t.budget_usd !== null && t.spent_usd >= t.budget_usd) return "spent";
  return "on";
}

export const MARK: Record<Standing, PoolState> = { on: "active", off: "inactive", expired: "invalid", spent: "exhausted" };
export const INK: Record<Standing, string> = { on: "", off: "dim", expired: "err", spent: "warn" };
const RANK: Record<Standing, number> = { spent: 0, expired: 1, on: 2, off: 3 };
export const rank = (s: Standing) => RANK[s];

/** 2026-11-20T14:05, in the reader's zone, as `datetime-local` wants it. */
export function localMinute(at: string | null): string {
  return at ? forInput(new Date(at)) : "";
}

export function fromLocalMinute(text: string): string | null {
  if (!text) return null;
  const d = new Date(text);
  return Number.isNaN(d.getTime()) ? null : d.toISOString();
}
