// Who carried how much of the last hour, for the sparklines. Asked for with the list, and again
// while somebody looks; without an answer the column stays empty and the list whole.

import { computed, shallowRef, watch, type ComputedRef } from "vue";
import { api, got } from "../api/client";
import type { components } from "../api/schema";
import { standing } from "../session/session";
import { gathered } from "./curve";

type Schemas = components["schemas"];
export interface Carried { calls: number; share: number; perMinute: readonly number[] }

export interface Traffic {
  load(): Promise<void>;
  /** Absent: it carried nothing. */
  of(id: string | number): Carried | undefined;
  calls(id: string | number): number;
  /** Who carried anything. */
  names: ComputedRef<(string | number)[]>;
  known: ComputedRef<boolean>;
  /** What reaches the top in every row's curve, so that they compare. */
  busiest: ComputedRef<number>;
}

/** How many points a curve has; see `Sparkline`. */
const POINTS = 24;

/** From rows by name; `idOf` says which rows of the page they are. */
export function trafficOf(by: Schemas["Carrier"], idOf: (item: Schemas["Carried"]) => string | number | null = (item) => item.name): Traffic {
  const report = shallowRef<Schemas["Traffic"] | null>(null);
  watch(standing, (now) => {
    if (now === "out") report.value = null;
  });
  const rows = computed(() => {
    const all = report.value?.calls ?? 0;
    return new Map((report.value?.items ?? []).flatMap((item) => {
      const id = idOf(item);
      return id === null ? [] : [[id, { calls: item.calls, share: all > 0 ? item.calls / all : 0, perMinute: item.per_minute }] as const];
    }));
  });
  return {
    ...shown(rows, computed(() => report.value !== null)),
    async load() {
      report.value = await got(api.GET("/api/stats/hour", { params: { query: { by } } })).catch(() => report.value);
    },
  };
}

/** The same where one row stands for several names: `rows` has their sums. */
export function shown(rows: ComputedRef<ReadonlyMap<string | number, Carried>>, known: ComputedRef<boolean>): Omit<Traffic, "load"> {
  return {
    of: (id) => rows.value.get(id),
    calls: (id) => rows.value.get(id)?.calls ?? 0,
    names: computed(() => [...rows.value.keys()]),
    known,
    busiest: computed(() => Math.max(0, ...[...rows.value.values()].flatMap((c) => gathered(c.perMinute, POINTS)))),
  };
}

/** Several rows as one. */
export function together(of: readonly Carried[]): Carried | undefined {
  if (!of.length) return undefined;
  const perMinute = of[0]!.perMinute.map((_, minute) => of.reduce((sum, c) => sum + (c.perMinute[minute] ?? 0), 0));
  return { calls: of.reduce((sum, c) => sum + c.calls, 0), share: of.reduce((sum, c) => sum + c.share, 0), perMinute };
}

export const keyTraffic = trafficOf("key", (item) => item.key_id);
export const providerTraffic = trafficOf("provider");
export const modelTraffic = trafficOf("model");
export const tokenTraffic = trafficOf("client_token");
