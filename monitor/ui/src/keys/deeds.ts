// What can be done to keys. Deleting one cannot be taken back: nobody can read it again.

import { keysApi, type Key } from "../api/managed";
import { count } from "../format/numbers";
import { words as w } from "../i18n";
import { backOf, type Deed } from "../roster/deed";
import { keys, providerName } from "../roster/roster";
import { testKey, testKeys, tests } from "./tests";

export const nameOf = (k: Key) => `${providerName(k.provider_id)}/${k.name || k.masked}`;

const turn = (to: "active" | "inactive") => async (k: Key) => {
  tests.delete(k.id);
  keys.put(await keysApi.turn(k.id, to));
};

export const on: Deed<Key> = { name: "on", fits: (k) => k.status === "inactive", act: turn("active"), back: backOf(nameOf, turn("inactive")) };
// Back in the pool: whether it rested or was refused before, its next request tells anew.
export const off: Deed<Key> = { name: "off", fits: (k) => k.status !== "inactive", act: turn("inactive"), back: backOf(nameOf, turn("active")) };
export const test: Deed<Key> = {
  name: "test",
  act: (k) => testKey(k.id),
  async report(of, progress) {
    const fine = await testKeys(of.map((k) => k.id), progress);
    return { kind: fine === of.length ? "ok" : "err", text: w.value.paste.tested(count(fine), count(of.length)) };
  },
};
export const remove: Deed<Key> = {
  name: "remove",
  async act(k) {
    await keysApi.remove(k.id);
    keys.drop(k);
  },
};

export const deeds = [on, off, test, remove];
