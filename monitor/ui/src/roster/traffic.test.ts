// Rows that stand for several names must carry the sum of them, minute by minute.
import { expect, test } from "vitest";
import { together } from "./traffic";

test("several rows as one have their sums", () => {
  const a = { calls: 3, share: 0.3, perMinute: [1, 2] };
  const b = { calls: 5, share: 0.5, perMinute: [0, 5] };
  expect(together([])).toBeUndefined();
  expect(together([a])).toEqual(a);
  expect(together([a, b])).toEqual({ calls: 8, share: 0.8, perMinute: [1, 7] });
});
