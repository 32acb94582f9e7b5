// The order of names: as people read them, and one order whatever they are compared with.

import { expect, test } from "vitest";
import { named } from "./sort";

test("numbers in names count as numbers, and case counts for nothing", () => {
  expect(["key-10", "Key-2", "key-02b", "key-1", "key"].sort(named)).toEqual(["key", "key-1", "Key-2", "key-02b", "key-10"]);
  expect(["gpt-4o", "gpt-4.1", "GPT-4", "gpt-3.5-turbo", "claude-3"].sort(named)).toEqual(["claude-3", "gpt-3.5-turbo", "GPT-4", "gpt-4.1", "gpt-4o"]);
  expect(named("KEY-007", "key-7")).toBe(0);
  expect(named("a99999999999999999999", "a100000000000000000000")).toBeLessThan(0);
});

test("Chinese names come after Latin ones, by their sound", () => {
  expect(["主号", "备用", "zeta", "阿里 10", "阿里 2"].sort(named)).toEqual(["zeta", "阿里 2", "阿里 10", "备用", "主号"]);
});

test("any three names are in one order", () => {
  const names = ["", "a", "A1", "a01", "a-1", "a_1", "é", "É2", "e2", "主", "主2", "主10", "主A", "备", "a主", "a备", "ab"];
  for (const a of names) for (const b of names) {
    expect(Math.sign(named(a, b)) + Math.sign(named(b, a)), `${a} and ${b}`).toBe(0);
    for (const c of names) if (named(a, b) <= 0 && named(b, c) <= 0) expect(named(a, c), `${a}, ${b}, ${c}`).toBeLessThanOrEqual(0);
  }
});
