import { expect, test } from "vitest";
import type { ExchangeDetail } from "../api/types";
import { rows } from "./figures";

const detail = (over: object) =>
  ({ status: 200, outcome: "ok", provider: "openai", key: "a", tries: [{ start_ms: 1, connect_ms: null }], timings: { connect_ms: null }, usage: { prompt_tokens: 10, completion_tokens: 20 }, attempts: 1, duration_ms: 1000, ttfb_ms: 100, first_token_ms: null, cost_usd: 0.01, ...over }) as unknown as ExchangeDetail;
const of = (name: string, l: object, r: object) => rows(detail(l), detail(r), (d) => d.outcome).find((row) => row.name === name);

test("how far apart, and which is better", () => {
  expect(of("duration", { duration_ms: 1000 }, { duration_ms: 1500 })).toMatchObject({ difference: "+50%", verdict: "worse" });
  expect(of("cost", { cost_usd: 0.02 }, { cost_usd: 0.01 })).toMatchObject({ left: "$0.0200", difference: "−50%", verdict: "better" });
  expect(of("duration", { duration_ms: 10 }, { duration_ms: 1000 })).toMatchObject({ difference: "×100" });
  expect(of("completion", {}, { usage: { completion_tokens: 40 } })).toMatchObject({ difference: "+100%", verdict: null });
});

test("what neither knows has no row, what one lacks is not judged", () => {
  expect(of("firstToken", {}, {})).toBeUndefined();
  expect(of("firstToken", {}, { first_token_ms: 5 })).toMatchObject({ left: "—", difference: null, verdict: null });
  expect(of("duration", {}, {})).toMatchObject({ difference: null });
});
