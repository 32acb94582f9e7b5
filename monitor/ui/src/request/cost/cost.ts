// How a cost came about, line by line, by the price the record kept. The sum is the record's: the
// lines only explain it. What is not known has no line.

import type { components } from "../../api/schema";

type Price = components["schemas"]["PriceUsed"];
type Usage = components["schemas"]["Usage"];

export interface CostLine {
  what: "prompt" | "cached" | "written" | "completion";
  tokens: number;
  /** Dollars per million tokens; null where the list names none of its own. */
  rate: number | null;
  usd: number | null;
}

export interface Breakdown {
  lines: CostLine[];
  perCall: number | null;
  /** Of the completion; already in it. */
  reasoning: number | null;
  /** What reading from the cache cost less than reading anew. */
  saved: number | null;
}

export function breakdown(usage: Usage | null | undefined, price: Price | null | undefined): Breakdown {
  const prompt = usage?.prompt_tokens ?? null;
  const cached = Math.min(usage?.cached_tokens ?? 0, prompt ?? 0);
  const written = Math.min(price?.written_tokens ?? 0, (prompt ?? 0) - cached);
  const perCall = price?.per_call_usd ?? null;
  const byToken = price != null && perCall === null;
  const line = (what: CostLine["what"], tokens: number, own: number | null | undefined): CostLine => {
    const rate = byToken ? (own ?? null) : null;
    return { what, tokens, rate, usd: rate === null ? null : (rate * tokens) / 1e6 };
  };
  const lines: CostLine[] = [];
  if (prompt !== null) lines.push(line("prompt", prompt - cached - written, price?.input));
  if (cached > 0) lines.push(line("cached", cached, price?.cache_read ?? price?.input));
  if (written > 0) lines.push(line("written", written, price?.cache_write ?? price?.input));
  if (usage?.completion_tokens != null) lines.push(line("completion", usage.completion_tokens, price?.output));
  const saved = byToken && cached > 0 && price.input != null && price.cache_read != null ? ((price.input - price.cache_read) * cached) / 1e6 : null;
  return { lines, perCall, reasoning: usage?.reasoning_tokens || null, saved };
}

/** Every digit that is not noise, so that the lines are seen to add up: $0.001752, $0.00175. */
export const exact = (usd: number): string => (usd >= 1 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(7).replace(/0{1,3}$/, "")}`);
