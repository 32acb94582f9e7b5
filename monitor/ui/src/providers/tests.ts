// Tests of providers: each of a provider's keys is asked for its models. How many work is shown in
// place; which ones, in the list of keys.

import { reactive } from "vue";
import { keysApi, type Key, type Provider } from "../api/managed";
import { testKeys, tests } from "../keys/tests";
import { keys } from "../roster/roster";
import { notMade, type Found } from "../roster/tests";

export interface ProviderFound {
  running: boolean;
  /** Keys that were asked, and that are to be. */
  done: number;
  all: number;
  fine: number;
  /** Of the keys that work. */
  fastestMs: number | null;
  /** What the first that does not work was told. */
  error: string | null;
}

export const providerTests = reactive(new Map<number, ProviderFound>());

/** Whether there is a key to ask with. */
export const testable = (p: Provider) => Object.entries(p.keys).some(([status, n]) => status !== "inactive" && n > 0);

export async function testProvider({ id }: Provider): Promise<boolean> {
  if (providerTests.get(id)?.running) return false;
  const found: ProviderFound = { running: true, done: 0, all: 0, fine: 0, fastestMs: null, error: null };
  const say = (more: Partial<ProviderFound>) => providerTests.set(id, Object.assign(found, more) && { ...found });
  say({});
  try {
    // Those that are there now, whoever added them.
    const all: readonly Key[] = await keysApi.all();
    keys.items.value = all;
    const ids = all.filter((k) => k.provider_id === id && k.status !== "inactive").map((k) => k.id);
    say({ all: ids.length });
    const fine = await testKeys(ids, (done) => say({ done }));
    const of = ids.map((one) => tests.get(one)).filter((t): t is Found => t !== undefined && t !== "running");
    const times = of.flatMap((t) => (t.ok && t.latencyMs !== null ? [t.latencyMs] : []));
    say({ running: false, fine, fastestMs: times.length ? Math.min(...times) : null, error: of.find((t) => !t.ok)?.error ?? null });
    return ids.length > 0 && fine === ids.length;
  } catch (cause) {
    say({ running: false, error: notMade(cause).error });
    return false;
  }
}
