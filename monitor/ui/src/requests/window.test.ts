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

  it("is what is in view, whatever it costs", () => {
    expect(affordable(span, () => false, 0)).toEqual({ first: 100, end: 110 });
    expect(affordable(span, () => false, 8)).toEqual({ first: 100, end: 110 });
  });

  it("goes on beyond it, below first", () => {
    expect(affordable(span, (n) => n >= 100 && n < 110, 8)).toEqual({ first: 100, end: 118 });
    expect(affordable(span, (n) => n >= 100 && n < 118, 8)).toEqual({ first: 96, end: 122 });
    expect(affordable(span, (n) => n >= 96, 8)).toEqual({ first: 88, end: 122 });
  });

  it("keeps what is drawn already", () => {
    expect(affordable(span, (n) => n < 105, 0)).toEqual({ first: 88, end: 110 });
    expect(affordable(span, () => true, 0)).toEqual({ first: 88, end: 122 });
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
  it("stay with their rows and are handed on by those that leave", () => {
    const slots = new Slots();
    expect(slots.assign(["a", "b", "c"], null)).toEqual([0, 1, 2]);
    expect(slots.assign(["b", "c", "d"], null)).toEqual([1, 2, 0]);
    expect(slots.assign(["new", "b", "c", "d"], null)).toEqual([3, 1, 2, 0]);
  });

  it("are moved by no jump", () => {
    const slots = new Slots();
    slots.assign(["a", "b", "c"], null);
    expect(slots.assign(["x", "y", "z"], null)).toEqual([0, 1, 2]);
  });

  it("are not handed on while they have the focus", () => {
    const slots = new Slots();
    slots.assign(["a", "b", "c"], null);
    expect(slots.assign(["c", "d", "e"], "a")).toEqual([2, 1, 3]);
    // Gone with its row: nobody gets it later either.
    expect(slots.assign(["d", "e", "f"], null)).toEqual([1, 3, 2]);
  });

  it("number no more than are drawn at once", () => {
    const slots = new Slots();
    for (let at = 0; at < 5000; at += 7) slots.assign(Array.from({ length: 50 }, (_, i) => `row ${at + i}`), null);
    expect(Math.max(...slots.assign(["last"], null))).toBeLessThan(50);
  });
});

describe("while it scrolls", () => {
  it("moves no element", () => {
    const keyed = (...keys: number[]) => keys.map((key) => ({ key }));
    expect(inPlace(keyed(7, 2, 0, 9, 1), keyed(0, 1, 2, 3))).toEqual(keyed(0, 1, 2, 7, 9));
  });
});
