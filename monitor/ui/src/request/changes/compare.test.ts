// Conversion's changes must read as what happened: renamed, wrapped, put in front, left out.
import { expect, test } from "vitest";
import { changes } from "./compare";

test("a field is added, removed, changed", () => {
  expect(changes({ model: "a", seed: 7 }, { model: "b", user: "x" })).toEqual([
    { kind: "changed", path: "model", before: "a", after: "b" },
    { kind: "removed", path: "seed", before: 7 },
    { kind: "added", path: "user", after: "x" },
  ]);
});

test("a name that changed and kept its value is one row", () => {
  expect(changes({ max_tokens: 512 }, { max_completion_tokens: 512 })).toEqual([{ kind: "renamed", path: "max_completion_tokens", from: "max_tokens", after: 512 }]);
});

test("equal flags do not make a renaming", () => {
  expect(changes({ store: true }, { stream: true }).map((c) => c.kind).sort()).toEqual(["added", "removed"]);
});

test("a message put in front moves nothing else", () => {
  const rows = changes(
    { system: "Be brief.", messages: [{ role: "user", content: "hi" }] },
    { messages: [{ role: "system", content: "Be brief." }, { role: "user", content: "hi" }] },
  );
  expect(rows).toContainEqual({ kind: "removed", path: "system", before: "Be brief." });
  expect(rows).toContainEqual({ kind: "added", path: "messages[0]", after: { role: "system", content: "Be brief." } });
  expect(rows).toHaveLength(2);
});

test("the same words in another shape are one change within the message", () => {
  expect(changes({ messages: [{ role: "user", content: "hi" }] }, { messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }] })).toEqual([
    { kind: "changed", path: "messages[0].content", before: "hi", after: [{ type: "text", text: "hi" }] },
  ]);
});

test("a tool is found again by its name", () => {
  const schema = { type: "object", properties: {} };
  const rows = changes({ tools: [{ name: "grep", input_schema: schema }] }, { tools: [{ type: "function", function: { name: "grep", parameters: schema } }] });
  expect(rows.every((r) => r.path.startsWith("tools[0]."))).toBe(true);
});

test("names that are no words are quoted", () => {
  expect(changes({ a: {} }, { a: { "x y": 1 } })).toEqual([{ kind: "added", path: 'a["x y"]', after: 1 }]);
});
