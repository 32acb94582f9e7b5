import { expect, test } from "vitest";
import { ancestors, encodedSize, everything, find, flatten, opening, spoken } from "./tree";

const doc = { model: "gpt-4o", messages: [{ role: "user", content: "你好 fox" }, { role: "assistant", content: null }], "a/b": { "~": 1 }, empty: {} };

test("only what is open becomes rows", () => {
  expect(flatten(doc, new Set()).map((r) => [r.key, r.size])).toEqual([["model", null], ["messages", 2], ["a/b", 1], ["empty", 0]]);
  expect(flatten(doc, new Set(["/messages", "/messages/0"])).map((r) => r.path)).toEqual(["/model", "/messages", "/messages/0", "/messages/0/role", "/messages/0/content", "/messages/1", "/a~1b", "/empty"]);
  expect(flatten("text", new Set())).toMatchObject([{ key: null, value: "text" }]);
});

test("opens small things first and leaves wide ones folded", () => {
  expect([...opening(doc)]).toEqual(["/messages", "/a~1b", "/messages/0", "/messages/1"]);
  expect(opening({ v: Array.from({ length: 1536 }, () => 0) }).size).toBe(0);
});

test("finds keys and values, and the way to them", () => {
  expect(find(doc, "FOX")).toEqual(["/messages/0/content"]);
  expect(find(doc, "role")).toEqual(["/messages/0/role", "/messages/1/role"]);
  expect(find(doc, "")).toEqual([]);
  expect(ancestors("/messages/0/content")).toEqual(["/messages", "/messages/0"]);
});

test("says paths as code would", () => {
  expect(spoken("/messages/0/content")).toBe("messages[0].content");
  expect(spoken("/a~1b/~0")).toBe('["a/b"]["~"]');
});

test("eight megabytes stay quick", () => {
  const big = { messages: Array.from({ length: 20_000 }, (_, i) => ({ role: "user", n: i, content: "x".repeat(400) })) };
  const t = performance.now();
  flatten(big, opening(big));
  flatten(big, new Set(["/messages"]));
  find(big, "nothing like it");
  everything(big);
  expect(performance.now() - t).toBeLessThan(2000);
});

test("tells data from words", () => {
  expect(encodedSize("data:image/png;base64,AAAA")).toBe(3);
  expect(encodedSize("A".repeat(4000))).toBe(3000);
  expect(encodedSize("hello world")).toBeNull();
  expect(encodedSize("words with spaces ".repeat(200))).toBeNull();
});
