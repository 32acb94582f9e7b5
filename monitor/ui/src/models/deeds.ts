// What can be done to models: their descriptions and prices go, and can be written again.

import { modelsApi, type Model } from "../api/managed";
import { further } from "../prices/further";
import { backOf, type Deed } from "../roster/deed";
import { count } from "../format/numbers";
import { words as w } from "../i18n";
import { models } from "../roster/roster";
import { testModel, testModels } from "./tests";

export const nameOf = (m: Model) => m.model_name;

/** What people wrote about it. */
function written(m: Model) {
  const own = m.price_source === "override" && m.prices ? m.prices : null;
  const prices = own && { input: own.input, output: own.output, cache_read: own.cache_read ?? undefined, cache_write: own.cache_write ?? undefined, ...further(own) };
  return { description: m.description, capabilities: m.capabilities, prices };
}

/** One that only its providers name: it is there when they have been asked again. */
const offered = (m: Model) => m.source === "fetched";
const says = (m: Model) => m.description !== "" || Object.keys(m.capabilities).length > 0 || m.price_source === "override";

export const remove: Deed<Model> = {
  name: "remove",
  async act(m) {
    await modelsApi.remove(m.model_name);
    models.drop(m);
  },
  async back(done) {
    if (done.some((m) => m.source !== "added")) models.items.value = await modelsApi.all(true);
    await backOf(nameOf, async (m: Model) => {
      if (!offered(m)) await modelsApi.add({ model_name: m.model_name, ...written(m) });
      else if (says(m)) await modelsApi.change(m.model_name, written(m));
    })(done);
    await models.load();
  },
};

export const test: Deed<Model> = {
  name: "test",
  act: (m) => testModel(m.model_name),
  async report(of, progress) {
    const fine = await testModels(of.map(nameOf), progress);
    return { kind: fine === of.length ? "ok" : "err", text: w.value.catalog.tested(count(fine), count(of.length)) };
  },
};

export const deeds = [test, remove];
