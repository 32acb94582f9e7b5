// What can be done to providers. One that goes has no keys, so all of it can come back.

import { providersApi, type Provider } from "../api/managed";
import { backOf, type Deed } from "../roster/deed";
import { count } from "../format/numbers";
import { words as w } from "../i18n";
import { providers } from "../roster/roster";
import { several } from "../roster/tests";
import { testable, testProvider } from "./tests";

export const nameOf = (p: Provider) => p.name;

const turn = (enabled: boolean) => async (p: Provider) => providers.put(await providersApi.change(p.id, { enabled }));
const restore = async ({ name, kind, base_url, enabled, priority, notes, price_multiplier, preset, api_version, deployments }: Provider) =>
  providers.put(await providersApi.add({ name, kind, base_url, enabled, priority, notes, price_multiplier, preset, api_version, deployments }));

export const on: Deed<Provider> = { name: "on", fits: (p) => !p.enabled, act: turn(true), back: backOf(nameOf, turn(false)) };
export const off: Deed<Provider> = { name: "off", fits: (p) => p.enabled, act: turn(false), back: backOf(nameOf, turn(true)) };
export const test: Deed<Provider> = {
  name: "test",
  fits: testable,
  act: testProvider,
  async report(of, progress) {
    const fine = await several(of, testProvider, progress);
    return { kind: fine === of.length ? "ok" : "err", text: w.value.providers.tested(count(fine), count(of.length)) };
  },
};
export const remove: Deed<Provider> = {
  name: "remove",
  fits: (p) => !p.built_in,
  async act(p) {
    await providersApi.remove(p.id);
    providers.drop(p);
  },
  back: backOf(nameOf, restore),
};

export const deeds = [on, off, test, remove];
