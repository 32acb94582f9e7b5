// A price set here can be taken away, and set again as it was.

import { pricesApi, type ModelPrice } from "../api/managed";
import { backOf, type Deed } from "../roster/deed";
import { prices } from "../roster/roster";
import { further } from "./further";

export const reset: Deed<ModelPrice> = {
  name: "remove",
  async act(p) {
    await pricesApi.reset(p.model);
    await prices.load();
  },
  back: backOf((p: ModelPrice) => p.model, async (p) =>
    prices.put(await pricesApi.set(p.model, { ...further(p), input: p.input, output: p.output, cache_read: p.cache_read ?? undefined, cache_write: p.cache_write ?? undefined })),
  ),
};
