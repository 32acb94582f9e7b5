// What each key carried of the last hour, for the sparklines. Asked for with the list, and again
// while somebody looks; without an answer the column stays empty and the list whole.

import { computed, shallowRef, watch } from "vue";
import { api, got } from "../api/client";
import type { components } from "../api/schema";
import { percent } from "../format/numbers";
import { gathered } from "../roster/curve";
import { standing } from "../session/session";

type Report = components["schemas"]["Traffic"];
export interface Carried { calls: number; share: number; perMinute: readonly number[] }

const report = shallowRef<Report | null>(null);

export const traffic = {
  async load() {
    report.value = await got(api.GET("/api/stats/keys/hour")).catch(() => report.value);
  },
};

watch(standing, (now) => {
  if (now === "out") report.value = null;
});

/** By key; keys that carried nothing are absent. */
export const carried = computed(() => {
  const by = new Map<number, Carried>();
  for (const { key_id, calls, per_minute } of report.value?.items ?? []) {
    if (key_id !== null) by.set(key_id, { calls, share: report.value!.calls > 0 ? calls / report.value!.calls : 0, perMinute: per_minute });
  }
  return by;
});
export const trafficKnown = computed(() => report.value !== null);

/** What reaches the top in every key's curve, so that they compare. */
export const busiest = computed(() => Math.max(0, ...[...carried.value.values()].flatMap((c) => gathered(c.perMinute, 24))));

/** 26% · <0.1% · 0% where nothing was carried. */
export const shareText = (c: Carried | undefined): string => (!c || c.calls === 0 ? "0%" : c.share < 0.0005 ? "<0.1%" : percent(c.share));
