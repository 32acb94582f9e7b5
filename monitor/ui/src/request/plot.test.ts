import { expect, test } from "vitest";
import { columns, gaps, ticks } from "./plot";

test("ticks are round and few", () => {
  expect(ticks(8400, 5)).toEqual([0, 2000, 4000, 6000, 8000]);
  expect(ticks(214, 4)).toEqual([0, 100, 200]);
  expect(ticks(184_000, 4)).toEqual([0, 60_000, 120_000, 180_000]);
  expect(ticks(0, 5)).toEqual([0]);
  for (const total of [1, 37, 999, 61_234, 3.6e6]) expect(ticks(total, 6).length).toBeLessThanOrEqual(7);
});

test("gaps are stalls between frames", () => {
  expect(gaps([0, 100, 5600, 5700])).toEqual([{ index: 2, from: 100, to: 5600 }]);
  expect(gaps([])).toEqual([]);
});

test("every frame lands in one column", () => {
  expect(columns([0, 1, 50, 99, 100], 100, 4)).toEqual([2, 0, 1, 2]);
});
