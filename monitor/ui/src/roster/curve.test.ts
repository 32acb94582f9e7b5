// Sparklines must keep every request and end with the newest minute.
import { expect, test } from "vitest";
import { curve, gathered } from "./curve";

test("sixty minutes become as many points as fit, and nothing is lost", () => {
  const minutes = Array.from({ length: 60 }, (_, i) => i);
  const sums = gathered(minutes, 24);
  expect(sums).toHaveLength(20);
  expect(sums.reduce((a, b) => a + b, 0)).toBe(1770);
  expect(sums.at(-1)).toBe(57 + 58 + 59);
});

test("the busiest reaches the top, silence lies on the ground", () => {
  expect(curve([0, 9], 9, 6, 20)).toBe("M0.0 19.0L6.0 1.0");
  expect(curve([0, 0], 0, 6, 20)).toBe("M0.0 19.0L6.0 19.0");
  expect(curve([], 0, 6, 20)).toBe("M0 19H6");
});
