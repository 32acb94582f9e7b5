// What is drawn of a long list, and which elements draw it.

import { describe, expect, it } from "vitest";
import { affordable, inPlace, Slots, spanOf, topFor } from "./window";

describe("the span of rows", () => {
  it("is what is in view and some beyond it", () => {
    expect(spanOf(3200, 320, 32, 1000)).toEqual({ first: 88, from: 100, to: 110, end: 122 });
    expect(spanOf(3210, 320, 32, 1000)).toEqual({ first: 88, from: 100, to: 111, end: 123 });
  });

  it("ends where the list does", () => {
    expect(spanOf(0, 320, 32, 5)).toEqual({ first: 0, from: 0, to: 5, end: 5 });
    expect(spanOf(99_999, 320, 32, 50)).toEqual({ first: 38, from: 50, to: 50, end: 50 });
    expect(spanOf(0, 0, 32, 500)).toEqual({ first: 0, from: 0, to: 0, end: 0 });
    expect(spanOf(-40, 320, 32, 0)).toEqual({ first: 0, from: 0, to: 0, end: 0 });
  });
});

describe("what one frame draws", () => {
  const span = { first: 88, from: 100, to: 110, end: 122 };
  const rows = (...runs: [number, number][]) => runs.flatMap(([first, end]) => Array.from({ length: end - first }, (_, n) => first + n));

  it("is as many new rows as it can afford, from the top of the view", () => {
    expect(affordable(span, () => false, 6)).toEqual(rows([100, 106]));
    expect(affordable(span, (n) => n >= 100 && n < 106, 8)).toEqual(rows([100, 114]));
  });

  it("goes on beyond the view, below first", () => {
    expect(affordable(span, (n) => n >= 100 && n < 110, 8)).toEqual(rows([100, 118]));
    expect(affordable(span, (n) => n >= 100 && n < 118, 8)).toEqual(rows([96, 122]));
    expect(affordable(span, (n) => n >= 96, 8)).toEqual(rows([88, 122]));
  });

  it("keeps what is drawn already, wherever it is", () => {
    expect(affordable(span, (n) => n < 105, 0)).toEqual(rows([88, 105]));
    expect(affordable(span, (n) => n >= 108, 6)).toEqual(rows([100, 106], [108, 122]));
    expect(affordable(span, () => true, 0)).toEqual(rows([88, 122]));
  });

  it("is all of it where that costs nothing", () => {
    expect(affordable(span, () => false, Infinity)).toEqual(rows([88, 122]));
  });
});

describe("scrolling to a row", () => {
  it("moves no further than it takes", () => {
    expect(topFor(5, 0, 320, 32)).toBeNull();
    expect(topFor(10, 0, 320, 32)).toBe(32);
    expect(topFor(2, 96, 320, 32)).toBe(64);
  });
});

describe("elements of rows", () => {
  const drawing = () => {
    const slots = new Slots();
    return { slots, draw: (ids: string[], own: string | null = null, spare = 0) => slots.assign(ids, own, spare) };
  };
  const abc = ["a", "b", "c"];

  it("stay with their rows and are handed on by those that leave", () => {
    const { draw } = drawing();
    expect(draw(abc).slots).toEqual([0, 1, 2]);
    expect(draw(["b", "c", "d"]).slots).toEqual([1, 2, 0]);
    expect(draw(["new", "b", "c", "d"]).slots).toEqual([3, 1, 2, 0]);
  });

  it("are moved by no jump", () => {
    const { draw } = drawing();
    draw(abc);
    expect(draw(["x", "y", "z"]).slots).toEqual([0, 1, 2]);
  });

  it("are not handed on while they have the focus", () => {
    const { draw } = drawing();
    draw(abc);
    expect(draw(["c", "d", "e"], "a").slots).toEqual([2, 1, 3]);
    // Gone with its row: nobody gets it later either.
    expect(draw(["d", "e", "f"]).slots).toEqual([1, 3, 2]);
  });

  it("are left for rows to come, as they are", () => {
    const { slots, draw } = drawing();
    draw(abc);
    expect(draw(["x"], null, 9)).toEqual({ slots: [0], left: new Set([1, 2]) });
    expect(slots.has("b")).toBe(true);
    expect(draw(["x", "b", "y"], null, 9)).toEqual({ slots: [0, 1, 2], left: new Set() });
    expect(draw([], null, 2).left.size).toBe(2);
    expect(draw([], null, 0).left.size).toBe(0);
  });

  it("number no more than are drawn at once", () => {
    const { draw } = drawing();
    for (let at = 0; at < 5000; at += 7) draw(Array.from({ length: 50 }, (_, i) => `row ${at + i}`));
    expect(Math.max(...draw(["last"]).slots)).toBeLessThan(50);
    for (let at = 0; at < 5000; at += 7) draw(Array.from({ length: 9 }, (_, i) => `row ${at + i}`), null, 41);
    expect(Math.max(...draw(["last"]).slots)).toBeLessThan(100);
  });
});

describe("while it scrolls", () => {
  it("moves no element", () => {
    const keyed = (...keys: number[]) => keys.map((key) => ({ key }));
    expect(inPlace(keyed(7, 2, 0, 9, 1), keyed(0, 1, 2, 3))).toEqual(keyed(0, 1, 2, 7, 9));
  });
});
