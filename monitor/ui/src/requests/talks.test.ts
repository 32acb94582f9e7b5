import { expect, test } from "vitest";
import { refreshed } from "./talks";

/** `a5`: conversation a, whose newest turn is 5. */
const talks = (text: string) => text.split(" ").filter(Boolean).map((one) => ({ first: one[0]!, newest: { id: one.slice(1) } }));
const told = ({ found, next }: ReturnType<typeof refreshed>) => [found.map((one) => one.first + one.newest.id).join(" "), next];
const known = talks("c5 b4 a3");

test("what was paged in stays below a page that reaches it", () => {
  expect(told(refreshed(known, { items: talks("d6 c5"), next: "5" }, 10))).toEqual(["d6 c5 b4 a3", undefined]);
  expect(told(refreshed(known, { items: talks("a7 c5"), next: "5" }, 10))).toEqual(["a7 c5 b4", undefined]);
});

test("a page that does not reach it begins the list anew, so that nothing is skipped", () => {
  expect(told(refreshed(known, { items: talks("f9 e8"), next: "8" }, 10))).toEqual(["f9 e8", "8"]);
  // An old one that went on is no proof: others may lie between.
  expect(told(refreshed(known, { items: talks("f9 a8"), next: "8" }, 10))).toEqual(["f9 a8", "8"]);
  expect(told(refreshed([], { items: talks("a1"), next: null }, 10))).toEqual(["a1", null]);
});

test("a page that is all there is leaves nothing below it", () => {
  expect(told(refreshed(known, { items: talks("d6 c5"), next: null }, 10))).toEqual(["d6 c5", null]);
});

test("the list ends where it has become too long, and goes on from there", () => {
  expect(told(refreshed(known, { items: talks("d6 c5"), next: "5" }, 3))).toEqual(["d6 c5 b4", "4"]);
});
