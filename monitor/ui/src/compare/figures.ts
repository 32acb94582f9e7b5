// The figures of two requests and how far apart they are. Pure.

import type { ExchangeDetail } from "../api/types";
import { duration } from "../format/duration";
import { count, money, NONE, rate } from "../format/numbers";
import { speed } from "../replay/figures";

export interface Row {
  name: "status" | "outcome" | "provider" | "queue" | "connect" | "ttfb" | "firstToken" | "duration" | "perSecond" | "prompt" | "cached" | "completion" | "reasoning" | "cost" | "attempts";
  left: string;
  right: string;
  /** Right against left; null where there is nothing to say. */
  difference: string | null;
  verdict: "better" | "worse" | null;
}

type Of = (d: ExchangeDetail) => number | null | undefined;
const NUMBERS: [Row["name"], Of, (n: number | null) => string, better: 1 | -1 | 0][] = [
  ["queue", (d) => d.tries[0]?.start_ms, (n) => duration(n, true), 1],
  ["connect", (d) => d.tries.at(-1)?.connect_ms ?? d.timings.connect_ms, (n) => duration(n, true), 1],
  ["ttfb", (d) => d.ttfb_ms, (n) => duration(n, true), 1],
  ["firstToken", (d) => d.first_token_ms, (n) => duration(n, true), 1],
  ["duration", (d) => d.duration_ms, (n) => duration(n), 1],
  ["perSecond", speed, (n) => (n === null ? NONE : rate(n)), -1],
  ["prompt", (d) => d.usage.prompt_tokens, count, 0],
  ["cached", (d) => d.usage.cached_tokens, count, 0],
  ["completion", (d) => d.usage.completion_tokens, count, 0],
  ["reasoning", (d) => d.usage.reasoning_tokens, count, 0],
  ["cost", (d) => d.cost_usd, money, 1],
  ["attempts", (d) => d.attempts, count, 1],
];

export function rows(left: ExchangeDetail, right: ExchangeDetail, outcome: (d: ExchangeDetail) => string): Row[] {
  const words = (name: Row["name"], of: (d: ExchangeDetail) => string): Row => ({ name, left: of(left), right: of(right), difference: null, verdict: null });
  const numbers = NUMBERS.flatMap(([name, of, show, better]): Row[] => {
    const [l, r] = [of(left) ?? null, of(right) ?? null];
    if (l === null && r === null) return [];
    return [{ name, left: show(l), right: show(r), ...apart(l, r, better) }];
  });
  return [
    words("status", (d) => (d.status == null ? NONE : String(d.status))),
    words("outcome", outcome),
    words("provider", (d) => [d.provider, d.key].filter(Boolean).join("/") || NONE),
    ...numbers,
  ];
}

function apart(left: number | null, right: number | null, better: 1 | -1 | 0): Pick<Row, "difference" | "verdict"> {
  if (left === null || right === null || left === right || left === 0) return { difference: null, verdict: null };
  const share = (right - left) / left;
  const percent = Math.abs(share) >= 10 ? `×${(right / left).toFixed(0)}` : `${share > 0 ? "+" : "−"}${Math.abs(share * 100).toFixed(Math.abs(share) < 0.1 ? 1 : 0)}%`;
  return { difference: percent, verdict: better === 0 ? null : share * better < 0 ? "better" : "worse" };
}
