// `*` stands for anything, also for nothing.
import { expect, test } from "vitest";
import { fits } from "./pattern";

test.each([
  ["gpt-4*", "gpt-4o", true],
  ["gpt-4*", "gpt-3.5", false],
  ["*", "anything", true],
  ["a*b", "ab", true],
  ["a*b", "a", false],
  ["ab*ba", "aba", false],
  ["*mini*", "gpt-4o-mini-high", true],
  ["gpt-4o", "gpt-4o-mini", false],
  ["a**b", "a-b", true],
])("%s and %s: %s", (pattern, name, expected) => expect(fits(pattern, name)).toBe(expected));
