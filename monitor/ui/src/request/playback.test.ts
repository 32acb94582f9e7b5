import { expect, test } from "vitest";
import { come, tick } from "./playback";

const OFFSETS = [100, 200, 200, 5200, 5300];

test("what had come by a moment", () => {
  expect([0, 99, 100, 200, 5199, 9999].map((at) => come(OFFSETS, at))).toEqual([0, 0, 1, 3, 3, 5]);
  expect(come([], 5)).toBe(0);
});

test("runs at its speed and stops at the end", () => {
  expect(tick({ at: 0, playing: true }, 16, 2, OFFSETS, false)).toEqual({ at: 32, playing: true });
  expect(tick({ at: 5290, playing: true }, 16, 1, OFFSETS, false)).toEqual({ at: 5300, playing: false });
  expect(tick({ at: 50, playing: false }, 16, 1, OFFSETS, false)).toEqual({ at: 50, playing: false });
});

test("a long silence is passed over only where somebody asks for it", () => {
  expect(tick({ at: 1000, playing: true }, 16, 1, OFFSETS, false).at).toBe(1016);
  expect(tick({ at: 1000, playing: true }, 16, 1, OFFSETS, true).at).toBe(5000);
  expect(tick({ at: 300, playing: true }, 16, 1, OFFSETS, true).at).toBe(316);
});
