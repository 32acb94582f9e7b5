// What a test of a key found stays in its row, though the test itself changes the key.
import { expect, test, vi } from "vitest";
import { watch } from "vue";
import { keysApi, type Key } from "../api/managed";
import { keys } from "../roster/roster";
import { testKey, tests } from "./tests";

test("a key that its test puts out keeps what the test found", async () => {
  const key = (status: Key["status"]) => ({ id: 1, status }) as Key;
  keys.items.value = [key("active")];
  vi.spyOn(keysApi, "test").mockResolvedValue({ ok: false, latency_ms: 5, models: [], error: "401: no" } as never);
  vi.spyOn(keysApi, "one").mockResolvedValue(key("invalid"));
  // The page takes away what an earlier test found, unless one is running.
  const seen: unknown[] = [];
  const stop = watch(keys.items, () => seen.push(tests.get(1)));
  expect(await testKey(1)).toBe(false);
  stop();
  expect(keys.items.value[0]?.status).toBe("invalid");
  expect(seen).toEqual(["running"]);
  expect(tests.get(1)).toMatchObject({ ok: false, error: "401: no" });
});
