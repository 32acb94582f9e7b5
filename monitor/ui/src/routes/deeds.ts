// What can be done to routes: one that goes can be written again as it was.

import { routesApi, type Route } from "../api/managed";
import { backOf, type Deed } from "../roster/deed";
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

export const deeds = [remove];
