// What the dashboard asks for: how it goes now, and everything about the chosen range in one go, so
// that its numbers agree with each other.

import { computed, type Ref } from "vue";
import { api, got } from "../api/client";
import type { components } from "../api/schema";
import { useFresh } from "../charts/fresh";
import { BYS, NAMED, type By, type Measure } from "../charts/lines";
import { asked, type Range } from "../charts/span";

export type Now = components["schemas"]["Now"];
export type TopReport = components["schemas"]["TopReport"];
export type FailureReport = components["schemas"]["FailureReport"];

const NOW_MS = 2_000;
const LISTED = 6;

export const useCurrent = () => useFresh(computed(() => 0), (signal) => got(api.GET("/api/stats/now", { signal })), () => NOW_MS);

export function useRange(range: Ref<Range>, by: Ref<By>, measure: Ref<Measure>) {
  const what = computed(() => JSON.stringify([range.value, by.value, measure.value]));
  const ask = async (signal: AbortSignal) => {
    const span = asked(range.value, Date.now());
    const series = (by: By | "outcome", order: Measure, top: number) => got(api.GET("/api/stats/series", { params: { query: { ...span, by, order, top } }, signal }));
    const top = (by: By) => got(api.GET("/api/stats/top", { params: { query: { ...span, by, order: measure.value, limit: LISTED } }, signal }));
    const [ends, names, latency, errors, losses, ...tops] = await Promise.all([
      series("outcome", "calls", 8),
      series(by.value, measure.value, NAMED),
      got(api.GET("/api/stats/latency", { params: { query: span }, signal })),
      got(api.GET("/api/stats/errors", { params: { query: span }, signal })),
      got(api.GET("/api/stats/losses", { params: { query: span }, signal })),
      ...BYS.map(top),
    ]);
    return { ends, names, latency, errors, losses, tops: Object.fromEntries(BYS.map((by, i) => [by, tops[i]!])) as Record<By, TopReport> };
  };
  // Long ranges change slowly and cost more to add up.
  const everyMs = () => (range.value.preset === "1h" || range.value.preset === "6h" ? 2_000 : range.value.preset === "24h" ? 4_000 : 15_000);
  return useFresh(what, ask, everyMs);
}

export type RangeAnswer = NonNullable<ReturnType<typeof useRange>["answer"]["value"]>;
