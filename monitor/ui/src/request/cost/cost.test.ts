// The breakdown must add up to what the gateway charged, and not invent what nobody knows.
import { expect, test } from "vitest";
import { breakdown, exact } from "./cost";

const usage = { prompt_tokens: 10_000, cached_tokens: 6000, completion_tokens: 500, reasoning_tokens: 200, source: "upstream" as const };
const price = { input: 3, output: 15, cache_read: 0.3, cache_write: 3.75, written_tokens: 1000, multiplier: 1, per_call_usd: null, cache_saved_usd: null, beside: null, model: "m", source: "list" as const };

test("fresh, cached, written and answered tokens add up", () => {
  const { lines, saved, reasoning } = breakdown(usage, { ...price, cache_saved_usd: 0.0154 });
  expect(lines.map((l) => [l.what, l.tokens])).toEqual([["prompt", 3000], ["cached", 6000], ["written", 1000], ["completion", 500]]);
  expect(lines.reduce((sum, l) => sum + l.usd!, 0)).toBeCloseTo(0.009 + 0.0018 + 0.00375 + 0.0075, 10);
  expect(saved).toBe(0.0154);
  expect(reasoning).toBe(200);
});

test("without a cache price cached tokens cost as any other and save nothing", () => {
  const { lines, saved } = breakdown(usage, { ...price, cache_read: null, written_tokens: 0 });
  expect(lines.find((l) => l.what === "cached")!.usd).toBeCloseTo(0.018, 10);
  expect(saved).toBeNull();
});

test("sound, images and caches of an hour have lines of their own, and still add up", () => {
  const beside = { served: ["flex"], cache_write_1h: 6, written_1h_tokens: 400, audio_input: 40, audio_input_tokens: 500, audio_output: 80, audio_output_tokens: 100, image_input: null, image_input_tokens: 50, image_output: null, image_output_tokens: 0 };
  const { lines, served } = breakdown(usage, { ...price, beside });
  expect(lines.map((l) => [l.what, l.tokens, l.rate])).toEqual([["prompt", 2450, 3], ["audioIn", 500, 40], ["imageIn", 50, 3], ["cached", 6000, 0.3], ["written", 600, 3.75], ["hour", 400, 6], ["completion", 400, 15], ["audioOut", 100, 80]]);
  expect(lines.reduce((sum, l) => sum + l.tokens, 0)).toBe(10_500);
  expect(served).toEqual(["flex"]);
});

test("a price per call has tokens without money", () => {
  const { lines, perCall, saved } = breakdown(usage, { ...price, input: null, output: null, per_call_usd: 0.02 });
  expect(lines.every((l) => l.usd === null)).toBe(true);
  expect([perCall, saved]).toEqual([0.02, null]);
});

test("no price: tokens are still told, money is not", () => {
  expect(breakdown(usage, null).lines.every((l) => l.usd === null && l.tokens > 0)).toBe(true);
  expect(breakdown(null, null).lines).toEqual([]);
});

test("small sums keep their digits, and zeros at the end go", () => {
  expect([0.00175, 0.0004125, 0.02, 0, 12.5].map(exact)).toEqual(["$0.00175", "$0.0004125", "$0.0200", "$0.0000", "$12.5000"]);
});
