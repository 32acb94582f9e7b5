// The rows of a table of figures: of names, or of slots of time; and their order. Pure.

import type { components } from "../api/schema";
import type { Series, Total } from "../charts/lines";
import { startOf } from "../charts/span";
import { direction, most, named, sorted, type Order } from "../roster/sort";

type Schemas = components["schemas"];

export interface Row {
  key: string;
  name: string;
  provider: string | null;
  /** Unix milliseconds, where the row is a slot. */
  at: number | null;
  calls: number;
  failed: number;
  success: number | null;
  input: number;
  cached: number;
  output: number;
  cost: number;
  mean: number | null;
  p50: number | null;
  p95: number | null;
  firstP50: number | null;
  firstP95: number | null;
}

export const COLUMNS = ["name", "calls", "failed", "success", "input", "cached", "output", "cost", "mean", "p50", "p95", "firstP50", "firstP95"] as const;
export type Column = (typeof COLUMNS)[number];

export const ofTotal = (total: Total) => ({
  calls: total.calls, failed: total.failed, success: total.success_rate, input: total.prompt_tokens, cached: total.cached_tokens,
  output: total.completion_tokens, cost: total.cost_usd, mean: total.avg_duration_ms,
});

export const ofNames = (items: readonly Schemas["TopItem"][]): Row[] =>
  items.map((i) => ({
    key: `${i.provider ?? ""}/${i.name}`, name: i.name, provider: i.provider, at: null, ...ofTotal(i.total),
    p50: i.p50_ms, p95: i.p95_ms, firstP50: i.first_token_p50_ms, firstP95: i.first_token_p95_ms,
  }));

/** Slots in which anything ended, newest first. */
export function ofSlots(series: Series, latency: Schemas["LatencyReport"]): Row[] {
  const rows: Row[] = [];
  for (let slot = series.span.count - 1; slot >= 0; slot--) {
    const sum = (figure: (l: Series["items"][number]) => number[]) => series.items.reduce((n, l) => n + figure(l)[slot]!, 0);
    const of = (name: string) => series.items.find((l) => l.name === name)?.calls[slot] ?? 0;
    const calls = sum((l) => l.calls);
    if (calls === 0) continue;
    const judged = calls - of("client_closed");
    rows.push({
      key: String(slot), name: "", provider: null, at: startOf(series.span, slot), calls, failed: sum((l) => l.failed),
      success: judged > 0 ? of("ok") / judged : null, input: sum((l) => l.prompt_tokens), cached: sum((l) => l.cached_tokens),
      output: sum((l) => l.completion_tokens), cost: sum((l) => l.cost_usd), mean: null,
      p50: latency.duration_ms.p50[slot] ?? null, p95: latency.duration_ms.p95[slot] ?? null,
      firstP50: latency.first_token_ms.p50[slot] ?? null, firstP95: latency.first_token_ms.p95[slot] ?? null,
    });
  }
  return rows;
}

/** By a column, largest or newest first; `-` before it for the other way round. */
export function inOrder(rows: readonly Row[], sort: string): Row[] {
  const { column, back } = direction(sort);
  const known = (COLUMNS as readonly string[]).includes(column) ? (column as Column) : null;
  const byName: Order<Row> = (a, b) => (a.at !== null && b.at !== null ? b.at - a.at : named(a.provider ?? "", b.provider ?? "") || named(a.name, b.name));
  if (known === null) return [...rows];
  const order: Order<Row> = known === "name" ? byName : (a, b) => most(a[known], b[known]);
  return sorted(rows, back ? (a, b) => order(b, a) : order, byName);
}
