// Tests of single keys and what they found, shown in place until the page is left for good.

import { nextTick, reactive } from "vue";
import { Failure } from "../api/client";
import { keysApi } from "../api/managed";
import { words } from "../i18n";
import { keys } from "../roster/roster";

export interface Found { ok: boolean; latencyMs: number | null; models: number | null; error: string | null }

export const tests = reactive(new Map<number, Found | "running">());

/** At most this many at a time: they are real requests. */
const AT_ONCE = 3;

export async function testKey(id: number): Promise<boolean> {
  if (tests.get(id) === "running") return false;
  tests.set(id, "running");
  try {
    const { ok, latency_ms, models, error } = await keysApi.test(id);
    // What the proxy learned; the feed says it too, but maybe later. While it is running yet: a
    // change takes away what an earlier test found, and this one is the test's own.
    keys.put(await keysApi.one(id));
    await nextTick();
    tests.set(id, { ok, latencyMs: latency_ms, models: models.length, error });
    return ok;
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    if (cause.status !== 404) tests.set(id, { ok: false, latencyMs: null, models: null, error: cause.status === 0 ? words.value.errors.network : (cause.detail ?? words.value.errors.http(cause.status)) });
    return false;
  }
}

/** Tests many, a few at a time; tells how far it has come. Returns how many work. */
export async function testKeys(ids: number[], progress: (done: number) => void): Promise<number> {
  const queue = [...ids];
  let done = 0;
  let fine = 0;
  await Promise.all(
    Array.from({ length: Math.min(AT_ONCE, queue.length) }, async () => {
      for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
        if (await testKey(id)) fine++;
        progress(++done);
      }
    }),
  );
  return fine;
}
