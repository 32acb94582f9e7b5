// What each tab of the statistics asks for.

import { computed, type Ref } from "vue";
import { api, got } from "../api/client";
import { useFresh } from "../charts/fresh";
import { NAMED, type By, type Measure } from "../charts/lines";
import { asked, type Range } from "../charts/span";

export const TABS = ["usage", "model", "provider", "key", "client_token", "hours"] as const;
export type Tab = (typeof TABS)[number];
/** Names in a table; a CSV has all of them. */
const LISTED = 500;
const EVERY_MS = 15_000;

export function useTab(range: Ref<Range>, tab: Ref<Tab>, measure: Ref<Measure>) {
  const what = computed(() => JSON.stringify([range.value, tab.value, measure.value]));
  return useFresh(what, async (signal) => {
    const span = asked(range.value, Date.now());
    if (tab.value === "usage") {
      const [series, latency] = await Promise.all([
        got(api.GET("/api/stats/series", { params: { query: { ...span, by: "outcome", top: 8 } }, signal })),
        got(api.GET("/api/stats/latency", { params: { query: span }, signal })),
      ]);
      return { tab: "usage" as const, series, latency };
    }
    if (tab.value === "hours") {
      // One line for the most frequent end and one for the others: their sums are all there is to it.
      const series = await got(api.GET("/api/stats/series", { params: { query: { ...span, by: "outcome", top: 1, width: 60 } }, signal }));
      return { tab: "hours" as const, series };
    }
    const by: By = tab.value;
    const [series, list] = await Promise.all([
      got(api.GET("/api/stats/series", { params: { query: { ...span, by, order: measure.value, top: NAMED } }, signal })),
      got(api.GET("/api/stats/top", { params: { query: { ...span, by, order: measure.value, limit: LISTED } }, signal })),
    ]);
    return { tab: by, series, list };
  }, () => EVERY_MS);
}
