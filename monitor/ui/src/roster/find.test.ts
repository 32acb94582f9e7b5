import { expect, test } from "vitest";
import { read, says, write } from "./find";

const names = ["status", "provider"] as const;

test("names narrow, everything else is text", () => {
  expect(read("provider:azure status:cooling 小李 url:x", names)).toEqual({ by: { provider: "azure", status: "cooling" }, text: ["小李", "url:x"] });
  expect(read('provider:"my relay" "two words"', names)).toEqual({ by: { provider: "my relay" }, text: ["two words"] });
  expect(read("", names)).toEqual({ by: {}, text: [] });
});

test("clicking writes the same text", () => {
  expect(write("小李 status:cooling", "status", "invalid")).toBe("status:invalid 小李");
  expect(write("小李 status:cooling", "status", null)).toBe("小李");
  expect(read(write("", "provider", "my relay"), names).by.provider).toBe("my relay");
});

test("every word must be somewhere", () => {
  expect(says(["gpt", "4o"], "GPT-4o", null)).toBe(true);
  expect(says(["gpt", "小李"], "gpt-4o")).toBe(false);
});
