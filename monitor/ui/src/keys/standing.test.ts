import { expect, test } from "vitest";
import type { Key } from "../api/managed";
import { countdown, ringShare } from "../format/duration";
import { inOrder, spentShare, standing } from "./standing";

const NOW = Date.parse("2026-11-20T06:00:00Z");
const key = (over: Partial<Key>): Key => ({
  id: 1, provider_id: 1, provider: "openai", fetched_models: 0, name: "k", masked: "sk-…1234", status: "active", status_reason: null, status_until: null, models: [], weight: 1, priority: 0,
  price_per_call_usd: null, quota_usd: null, spent_usd: 0, remaining_usd: null, total_requests: 0, last_used_at: null, created_at: "2026-11-01T00:00:00Z", ...over,
});

test.each([
  [0, "0:00"], [400, "0:01"], [42_000, "0:42"], [118_000, "1:58"], [1_390_000, "23:10"], [3_599_000, "59:59"], [3_730_000, "1:02:10"], [90_000_000, "1 d 1 h"], [172_800_000, "2 d"], [-5, "0:00"],
])("%i ms count down as %s", (ms, text) => expect(countdown(ms)).toBe(text));

test("the ring empties as the end nears", () => {
  expect(ringShare(7_200_000)).toBe(1);
  expect(ringShare(36_000)).toBeCloseTo(0.1);
  expect(ringShare(-1)).toBe(0);
});

test("a cooldown is over when the clock says so, an invalid key never is", () => {
  const past = "2026-11-20T05:59:59Z", ahead = "2026-11-20T06:00:01Z";
  expect(standing({ status: "cooling", status_until: past }, NOW)).toBe("active");
  expect(standing({ status: "cooling", status_until: ahead }, NOW)).toBe("cooling");
  expect(standing({ status: "exhausted", status_until: null }, NOW)).toBe("exhausted");
  expect(standing({ status: "invalid", status_until: past }, NOW)).toBe("invalid");
});

test("problems come first, then by provider and name as people count", () => {
  const keys = [
    key({ id: 1, name: "key-10" }), key({ id: 2, name: "key-2" }), key({ id: 3, name: "off", status: "inactive" }), key({ id: 4, name: "dead", status: "invalid" }),
    key({ id: 5, name: "cool", status: "cooling", status_until: "2026-11-20T06:01:00Z" }), key({ id: 6, name: "dry", status: "exhausted" }), key({ id: 7, name: "a", provider_id: 2 }),
    key({ id: 8, name: "was", status: "cooling", status_until: "2026-11-20T05:00:00Z" }),
  ];
  const order = (sort: string) => inOrder(keys, sort, NOW, (id) => (id === 1 ? "openai" : "anthropic")).map((k) => k.id);
  expect(order("state")).toEqual([5, 6, 4, 7, 2, 1, 8, 3]);
  expect(order("name")).toEqual([7, 5, 4, 6, 2, 1, 3, 8]);
  expect(order("nonsense")).toEqual(order("state"));
});

test("numbers sort largest first, and back; what is unknown last", () => {
  const keys = [key({ id: 1, spent_usd: 3, last_used_at: null }), key({ id: 2, spent_usd: 9, last_used_at: "2026-11-20T01:00:00Z" }), key({ id: 3, spent_usd: 5, last_used_at: "2026-11-20T02:00:00Z" })];
  const order = (sort: string) => inOrder(keys, sort, NOW, () => "x").map((k) => k.id);
  expect(order("spent")).toEqual([2, 3, 1]);
  expect(order("-spent")).toEqual([1, 3, 2]);
  expect(order("used")).toEqual([3, 2, 1]);
});

test("a quota of nothing is spent; none is none", () => {
  expect([spentShare({ quota_usd: null, spent_usd: 4 }), spentShare({ quota_usd: 50, spent_usd: 40 }), spentShare({ quota_usd: 0, spent_usd: 0 })]).toEqual([null, 0.8, 1]);
});
