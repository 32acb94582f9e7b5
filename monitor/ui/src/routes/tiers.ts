// A route's candidates in the order they are tried: by priority, and within one by weight.

import type { Candidate } from "../api/managed";

export interface Tier { priority: number; candidates: Candidate[] }

export function tiers(candidates: readonly Candidate[]): Tier[] {
  const by = new Map<number, Candidate[]>();
  for (const c of candidates) by.set(c.priority, [...(by.get(c.priority) ?? []), c]);
  return [...by].sort(([a], [b]) => b - a).map(([priority, of]) => ({ priority, candidates: [...of].sort((a, b) => b.weight - a.weight) }));
}

/** What a candidate gets of its tier, 0…1. */
export function shareOf(candidate: Candidate, tier: Tier): number {
  const sum = tier.candidates.reduce((n, c) => n + c.weight, 0);
  return sum > 0 ? candidate.weight / sum : 0;
}
