// What each route carried of the last hour: the models that clients asked for, by the route that
// the proxy takes for each.

import { computed } from "vue";
import type { Route } from "../api/managed";
import { fits } from "../filters/pattern";
import { routes } from "../roster/roster";
import { modelTraffic, shown, together, type Carried } from "../roster/traffic";

/** The most exact route, as the proxy chooses it: the model's own, else the longest pattern. */
export function routeOf(of: readonly Route[], model: string): Route | undefined {
  const own = of.find((r) => r.model === model);
  if (own) return own;
  const patterns = of.filter((r) => r.model.includes("*") && fits(r.model, model));
  // Of equals the last, as in the proxy.
  return patterns.reduce<Route | undefined>((best, r) => (best && best.model.length > r.model.length ? best : r), undefined);
}

const rows = computed(() => {
  const by = new Map<number, Carried[]>();
  for (const name of modelTraffic.names.value) {
    const route = routeOf(routes.items.value ?? [], String(name));
    if (route) by.set(route.id, [...(by.get(route.id) ?? []), modelTraffic.of(name)!]);
  }
  return new Map([...by].map(([id, of]) => [id, together(of)!]));
});

export const routeTraffic = { ...shown(rows, modelTraffic.known), load: modelTraffic.load };
