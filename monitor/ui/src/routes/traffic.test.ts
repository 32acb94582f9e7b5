// A model's requests count for the route that the proxy takes: its own name, else the longest
// pattern that fits.
import { expect, test } from "vitest";
import type { Route } from "../api/managed";
import { matches, routeOf } from "./traffic";

test.each([
  ["gpt-4*", "gpt-4o", true],
  ["gpt-4*", "gpt-3.5", false],
  ["*", "anything", true],
  ["a*b", "ab", true],
  ["a*b", "a", false],
  ["ab*ba", "aba", false],
  ["*mini*", "gpt-4o-mini-high", true],
  ["gpt-4o", "gpt-4o-mini", false],
])("%s and %s: %s", (pattern, name, expected) => expect(matches(pattern, name)).toBe(expected));

test("the most exact route is taken", () => {
  const of = ["*", "gpt-*", "gpt-4o", "gpt-4*"].map((model, id) => ({ id, model }) as Route);
  const taken = (model: string) => routeOf(of, model)?.model;
  expect([taken("gpt-4o"), taken("gpt-4.1"), taken("gpt-3.5"), taken("claude")]).toEqual(["gpt-4o", "gpt-4*", "gpt-*", "*"]);
  expect(routeOf([], "gpt-4o")).toBeUndefined();
});
