// A model's requests count for the route that the proxy takes: its own name, else the longest
// pattern that fits.
import { expect, test } from "vitest";
import type { Route } from "../api/managed";
import { routeOf } from "./traffic";

test("the most exact route is taken", () => {
  const of = ["*", "gpt-*", "gpt-4o", "gpt-4*"].map((model, id) => ({ id, model }) as Route);
  const taken = (model: string) => routeOf(of, model)?.model;
  expect([taken("gpt-4o"), taken("gpt-4.1"), taken("gpt-3.5"), taken("claude")]).toEqual(["gpt-4o", "gpt-4*", "gpt-*", "*"]);
  expect(routeOf([], "gpt-4o")).toBeUndefined();
});
