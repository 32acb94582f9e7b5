// Many writes at once: all are tried, and each failure is named.
import { expect, test } from "vitest";
import { Failure } from "../api/client";
import { each } from "./each";

test("what fails is named, and the rest is done", async () => {
  let steps = 0;
  const { done, failures } = await each([1, 2, 3, 4, 5, 6], (n) => `row ${n}`, async (n) => {
    if (n === 3) throw new Failure(409, "still in use", null);
  }, () => steps++);
  expect(done.sort()).toEqual([1, 2, 4, 5, 6]);
  expect(failures).toEqual(["row 3: still in use"]);
  expect(steps).toBe(6);
});

test("at most four run at a time", async () => {
  let now = 0;
  let most = 0;
  await each(Array.from({ length: 20 }, (_, i) => i), String, async () => {
    most = Math.max(most, ++now);
    await new Promise((go) => setTimeout(go, 1));
    now--;
  });
  expect(most).toBe(4);
});
