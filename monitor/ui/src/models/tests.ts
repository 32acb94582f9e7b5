// Tests of models, by the name that clients use: one short question through the gateway, and what
// came of it, shown in place. A route is tested by the name it is for.

import { reactive } from "vue";
import { modelsApi } from "../api/managed";
import { notMade, several, type Tested } from "../roster/tests";

export const modelTests = reactive(new Map<string, Tested>());

export async function testModel(model: string): Promise<boolean> {
  if (modelTests.get(model) === "running") return false;
  modelTests.set(model, "running");
  try {
    const { ok, latency_ms, error, request_id } = await modelsApi.test(model);
    modelTests.set(model, { ok, latencyMs: latency_ms, models: null, error, request: request_id });
    return ok;
  } catch (cause) {
    modelTests.set(model, notMade(cause));
    return false;
  }
}

export const testModels = (of: readonly string[], progress: (done: number) => void) => several(of, testModel, progress);
