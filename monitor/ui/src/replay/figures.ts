// Which of several answers came first, was done first, cost least. Pure.

import { running, type Exchange } from "../api/types";

export type Measure = "firstToken" | "duration" | "perSecond" | "cost";

/** Tokens per second while they flowed. */
export function speed(x: Exchange): number | null {
  const flowing = x.duration_ms != null && x.first_token_ms != null ? x.duration_ms - x.first_token_ms : 0;
  const tokens = x.usage.completion_tokens ?? 0;
  return flowing > 50 && tokens > 1 ? (tokens - 1) / (flowing / 1000) : null;
}

/** A smaller lead is chance. */
const NOTABLE = 0.03;

const MEASURES: [Measure, (x: Exchange) => number | null, better: 1 | -1][] = [
  ["firstToken", (x) => x.first_token_ms, 1],
  ["duration", (x) => x.duration_ms, 1],
  ["perSecond", speed, -1],
  ["cost", (x) => x.cost_usd, 1],
];

/** What each is the best at, among those that answered well. Nobody is, alone or ahead by a hair. */
export function best(all: readonly Exchange[]): Map<string, Set<Measure>> {
  const out = new Map<string, Set<Measure>>(all.map((x) => [x.id, new Set()]));
  if (all.some(running)) return out;
  const good = all.filter((x) => x.outcome === "ok");
  for (const [measure, of, better] of MEASURES) {
    const known = good.map((x) => ({ x, n: of(x) })).filter((k): k is { x: Exchange; n: number } => k.n !== null);
    if (known.length < 2) continue;
    const [top, next] = known.toSorted((a, b) => (a.n - b.n) * better) as [typeof known[0], typeof known[0]];
    if (Math.abs(top.n - next.n) > Math.abs(next.n) * NOTABLE) out.get(top.x.id)!.add(measure);
  }
  return out;
}
