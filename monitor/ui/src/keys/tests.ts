// Tests of single keys and what they found, shown in place until the page is left for good.

import { nextTick, reactive } from "vue";
import { Failure } from "../api/client";
import { keysApi } from "../api/managed";
import { keys } from "../roster/roster";
import { notMade, several, type Tested } from "../roster/tests";

export const tests = reactive(new Map<number, Tested>());

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
    if (cause instanceof Failure && cause.status === 404) tests.delete(id);
    else tests.set(id, notMade(cause));
    return false;
  }
}

export const testKeys = (ids: readonly number[], progress: (done: number) => void) => several(ids, testKey, progress);
