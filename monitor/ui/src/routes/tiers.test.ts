import { expect, test } from "vitest";
import type { Candidate } from "../api/managed";
import { shareOf, tiers } from "./tiers";

const c = (provider_id: number, priority: number, weight: number): Candidate => ({ provider_id, provider: "x", upstream_model: null, priority, weight });

test("the highest priority goes first, and the heavier one before its equals", () => {
  const order = tiers([c(1, 0, 1), c(2, 10, 1), c(3, 10, 5), c(4, -5, 1)]);
  expect(order.map((t) => [t.priority, t.candidates.map((x) => x.provider_id)])).toEqual([[10, [3, 2]], [0, [1]], [-5, [4]]]);
  expect(shareOf(order[0]!.candidates[0]!, order[0]!)).toBeCloseTo(5 / 6);
  expect(shareOf(c(1, 0, 0), { priority: 0, candidates: [c(1, 0, 0)] })).toBe(0);
});
