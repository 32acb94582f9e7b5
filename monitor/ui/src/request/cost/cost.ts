// How a cost came about, line by line, by the price the record kept. The sum is the record's: the
// lines only explain it. What is not known has no line.

import type { components } from "../../api/schema";

type Price = components["schemas"]["PriceUsed"];
type Usage = components["schemas"]["Usage"];

export interface CostLine {
  what: "prompt" | "cached" | "written" | "hour" | "completion" | "audioIn" | "audioOut" | "imageIn" | "imageOut";
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
  /** What the cache made it cost less, as the gateway reckoned; below zero: more. */
  saved: number | null;
  /** Classes of service that changed the rates. */
  served: string[];
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
  const beside = price?.beside;
  const part = (tokens: number | undefined, most: number) => Math.max(0, Math.min(tokens ?? 0, most));
  // Each kind of token has its line; what is left of the whole is plain text.
  const hour = part(beside?.written_1h_tokens, written);
  const fresh = (prompt ?? 0) - cached - written;
  const audioIn = part(beside?.audio_input_tokens, fresh);
  const imageIn = part(beside?.image_input_tokens, fresh - audioIn);
  const completion = usage?.completion_tokens ?? null;
  const audioOut = part(beside?.audio_output_tokens, completion ?? 0);
  const imageOut = part(beside?.image_output_tokens, (completion ?? 0) - audioOut);
  const lines: CostLine[] = [];
  const some = (what: CostLine["what"], tokens: number, rate: number | null | undefined) => {
    if (tokens > 0) lines.push(line(what, tokens, rate));
  };
  if (prompt !== null) lines.push(line("prompt", fresh - audioIn - imageIn, price?.input));
  some("audioIn", audioIn, beside?.audio_input ?? price?.input);
  some("imageIn", imageIn, beside?.image_input ?? price?.input);
  some("cached", cached, price?.cache_read ?? price?.input);
  some("written", written - hour, price?.cache_write ?? price?.input);
  some("hour", hour, beside?.cache_write_1h ?? price?.cache_write ?? price?.input);
  if (completion !== null) lines.push(line("completion", completion - audioOut - imageOut, price?.output));
  some("audioOut", audioOut, beside?.audio_output ?? price?.output);
  some("imageOut", imageOut, beside?.image_output ?? price?.output);
  return { lines, perCall, reasoning: usage?.reasoning_tokens || null, saved: price?.cache_saved_usd ?? null, served: beside?.served ?? [] };
}

/** Every digit that is not noise, so that the lines are seen to add up: $0.001752, $0.00175. */
export const exact = (usd: number): string => (usd >= 1 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(7).replace(/0{1,3}$/, "")}`);
