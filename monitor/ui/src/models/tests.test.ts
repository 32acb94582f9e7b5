// A model's test keeps what was found, and which request it was.
import { expect, test, vi } from "vitest";
import { Failure } from "../api/client";
import { modelsApi } from "../api/managed";
import { modelTests, testModel, testModels } from "./tests";

test("what was found stays, with the request it was", async () => {
  vi.spyOn(modelsApi, "test").mockResolvedValueOnce({ ok: true, http_status: 200, latency_ms: 420, error: null, request_id: "r1" } as never);
  const under = testModel("gpt-4o");
  expect(modelTests.get("gpt-4o")).toBe("running");
  expect(await testModel("gpt-4o")).toBe(false);
  expect(await under).toBe(true);
  expect(modelTests.get("gpt-4o")).toMatchObject({ ok: true, latencyMs: 420, request: "r1" });
});

test("of many it is counted how many work, one that cannot be asked among them", async () => {
  vi.spyOn(modelsApi, "test").mockImplementation((model: string) => (model === "b" ? Promise.reject(new Failure(503, "the proxy is not there", null)) : Promise.resolve({ ok: model === "a", latency_ms: 1, error: null, request_id: null } as never)));
  const seen: number[] = [];
  expect(await testModels(["a", "b", "c"], (done) => seen.push(done))).toBe(1);
  expect(seen).toEqual([1, 2, 3]);
  expect(modelTests.get("b")).toMatchObject({ ok: false, error: "the proxy is not there" });
});
