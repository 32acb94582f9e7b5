// What can be done to routes: one that goes can be written again as it was.

import { routesApi, type Route } from "../api/managed";
import { backOf, type Deed } from "../roster/deed";
import { count } from "../format/numbers";
import { words as w } from "../i18n";
import { testModel, testModels } from "../models/tests";
import { routes } from "../roster/roster";

export const nameOf = (r: Route) => r.model;

export const remove: Deed<Route> = {
  name: "remove",
  async act(r) {
    await routesApi.remove(r.id);
    routes.drop(r);
  },
  back: backOf(nameOf, async ({ model, strategy, candidates }: Route) =>
    routes.put(await routesApi.add({ model, strategy, candidates: candidates.map(({ provider_id, upstream_model, priority, weight }) => ({ provider_id, upstream_model, priority, weight })) })),
  ),
};

/** A pattern has no model of its own to ask. */
export const testable = (r: Route) => !r.model.includes("*");
export const test: Deed<Route> = {
  name: "test",
  fits: testable,
  act: (r) => testModel(r.model),
  async report(of, progress) {
    const fine = await testModels(of.map(nameOf), progress);
    return { kind: fine === of.length ? "ok" : "err", text: w.value.routing.tested(count(fine), count(of.length)) };
  },
};

export const deeds = [test, remove];
