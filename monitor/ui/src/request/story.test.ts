import { expect, test } from "vitest";
import type { Try } from "../api/types";
import { stretches, why } from "./story";

const attempt = (over: Partial<Try>): Try => ({ n: 1, provider: "openai", key: "a", reason: "strategy", url: "", status: 200, error: null, start_ms: 0, connect_ms: null, reused: true, ttfb_ms: null, duration_ms: null, request: null, response: null, ...over });
const told = (t: Try, before = 0, last = true, first: number | null = null) => stretches(t, before, 1000, last, { first_token_ms: first }).map((s) => `${s.stage} ${s.from}-${s.to}`);

test("queue, connect, first byte, first token, stream", () => {
  expect(told(attempt({ start_ms: 5, connect_ms: 20, ttfb_ms: 100, duration_ms: 900 }), 0, true, 300)).toEqual(["queue 0-5", "open 5-25", "wait 25-105", "think 105-300", "flow 300-905"]);
  expect(told(attempt({ ttfb_ms: 100, duration_ms: 900 }))).toEqual(["wait 0-100", "flow 100-900"]);
});

test("what failed is one stretch, and the next begins where it ended", () => {
  expect(told(attempt({ status: 429, connect_ms: 10, duration_ms: 50 }))).toEqual(["open 0-10", "fail 10-50"]);
  expect(told(attempt({ start_ms: 80, ttfb_ms: 10, duration_ms: 20 }), 50)).toEqual(["queue 50-80", "wait 80-90", "flow 90-100"]);
});

test("what still runs goes on to now", () => {
  expect(told(attempt({ start_ms: 5 }), 5)).toEqual(["wait 5-1000"]);
  expect(told(attempt({ ttfb_ms: 100 }), 0, true, 300)).toEqual(["wait 0-100", "think 100-300", "flow 300-1000"]);
});

test("odd clocks make nothing negative", () => {
  expect(told(attempt({ start_ms: 5, connect_ms: 500, ttfb_ms: 20, duration_ms: 100 }), 9, true, 2)).toEqual(["open 5-105"]);
});

test("why a key was taken", () => {
  expect(why([])).toBeNull();
  expect(why([attempt({})])).toEqual({ reason: "strategy", before: null });
  expect(why([attempt({ status: 429, error: { code: "rate_limit", message: "" } }), attempt({ n: 2, key: "b", reason: "failover" })])).toEqual({ reason: "failover", before: { key: "openai/a", gave: "429 rate_limit" } });
});
