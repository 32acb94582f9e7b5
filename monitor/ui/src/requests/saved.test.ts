import { expect, test } from "vitest";
import { readHidden } from "./columns";
import { readSaved, remove, save, saved } from "./saved";

test("what is stored is read, and nonsense is nothing", () => {
  expect(readSaved('[{"name":"a","text":"status:5xx","more":1},{"name":7},null]')).toEqual([{ name: "a", text: "status:5xx" }]);
  for (const bad of [null, "", "{", "7", "{}"]) expect(readSaved(bad)).toEqual([]);
  expect([...readHidden("cost,nonsense,first,")]).toEqual(["cost", "first"]);
});

test("the same name replaces", () => {
  save("slow", "min_duration_ms:5000");
  save("slow", "min_duration_ms:9000");
  expect(saved.value.filter((one) => one.name === "slow")).toEqual([{ name: "slow", text: "min_duration_ms:9000" }]);
  const undo = remove("slow");
  expect(saved.value.some((one) => one.name === "slow")).toBe(false);
  save("after", "x");
  undo();
  undo();
  expect(saved.value.map((one) => one.name)).toEqual(["slow", "after"]);
});
