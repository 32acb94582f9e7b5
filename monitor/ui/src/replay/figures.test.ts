import { expect, test } from "vitest";
import type { Exchange } from "../api/types";
import { best, speed } from "./figures";

const x = (id: string, first: number | null, took: number, cost: number | null, outcome = "ok") =>
  ({ id, outcome, first_token_ms: first, duration_ms: took, cost_usd: cost, usage: { completion_tokens: 11 } }) as Exchange;
const told = (...all: Exchange[]) => Object.fromEntries([...best(all)].map(([id, of]) => [id, [...of].sort()]));

test("each measure has its best, among those that answered well", () => {
  expect(told(x("a", 100, 1100, 2), x("b", 200, 700, 1), x("c", 1, 2, 0, "upstream_error"))).toEqual({ a: ["firstToken"], b: ["cost", "duration", "perSecond"], c: [] });
});

test("nobody is best alone, among equals, or while one still runs", () => {
  expect(told(x("a", 100, 1100, 2))).toEqual({ a: [] });
  expect(told(x("a", 100, 1100, 2), x("b", 100, 1100, 2))).toEqual({ a: [], b: [] });
  expect(told(x("a", 100, 1100, 2), x("b", 101, 1110, 2.01))).toEqual({ a: [], b: [] });
  expect(told(x("a", 100, 1100, 2), x("b", 50, 1, 1, "in_flight"))).toEqual({ a: [], b: [] });
});

test("what is not known is not judged", () => {
  expect(told(x("a", null, 1100, null), x("b", 50, 1000, 1))).toEqual({ a: [], b: ["duration"] });
  expect(speed(x("a", 100, 1100, 0))).toBe(10);
  expect(speed(x("a", null, 1100, 0))).toBeNull();
});
