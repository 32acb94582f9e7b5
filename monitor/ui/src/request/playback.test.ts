import { expect, test } from "vitest";
import { come, Tail, tick } from "./playback";

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

test("the end of what was said grows by what comes, and goes back with the clock", () => {
  const deltas = ["He", "llo", "", ", wor", "ld", "!"];
  const whole = new Tail(100);
  const last = new Tail(4);
  for (const n of [0, 1, 2, 4, 6, 6, 3, 5, 0, 6]) {
    const said = deltas.slice(0, n).join("");
    expect(whole.upTo(deltas, n)).toBe(said);
    expect(last.upTo(deltas, n)).toBe(said.slice(-4));
  }
  expect(whole.upTo(["other"], 1)).toBe("other");
});

test("no frame of a long stream is read twice on the way forward", () => {
  let read = 0;
  const deltas = new Proxy(Array<string>(5000).fill("word "), {
    get(of, name) {
      if (typeof name === "string" && /^\d+$/.test(name)) read++;
      return Reflect.get(of, name) as unknown;
    },
  });
  const tail = new Tail(6000);
  for (let n = 0; n <= 5000; n++) tail.upTo(deltas, n);
  expect(read).toBe(5000);
  // A leap back reads what is shown, not all that came before it.
  tail.upTo(deltas, 4000);
  expect(read).toBe(6200);
});
