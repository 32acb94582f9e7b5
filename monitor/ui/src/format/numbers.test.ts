import { expect, test } from "vitest";
import { NONE, barShare, bytes, cents, count, limit, money, percent, rate, tokens } from "./numbers";
import { clock, relative } from "./time";

function table<T>(name: string, f: (value: T) => string, rows: [T, string][]) {
  test.each(rows)(`${name} %s → %s`, (value, expected) => expect(f(value)).toBe(expected));
}

table("tokens", tokens, [[0, "0"], [1234, "1,234"], [9999, "9,999"], [10_000, "10.0k"], [38_402, "38.4k"], [999_499, "999k"], [999_500, "1.0M"], [1_234_000, "1.2M"], [2.5e9, "2.5G"], [null as never, NONE]]);
table("money", money, [[0, "$0"], [0.00012, "$0.00012"], [0.0012, "$0.0012"], [0.0003, "$0.0003"], [0.00006, "$0.00006"], [0.0219, "$0.0219"], [0.5, "$0.5000"], [1.5, "$1.50"], [12_345.6, "$12,346"], [0.0000001, "<$0.000001"], [0.000012, "$0.000012"], [-0.02, "-$0.0200"], [null as never, NONE]]);
table("bytes", bytes, [[0, "0 B"], [1023, "1,023 B"], [1331, "1.3 KB"], [8_388_608, "8.0 MB"], [1023 * 1024, "1.0 MB"], [5e12, "4.5 TB"]]);
table("percent", percent, [[1, "100%"], [0.99999, ">99.9%"], [0.984, "98.4%"], [0.5, "50%"], [0, "0.0%"], [null as never, NONE]]);
table("rate", rate, [[60.9, "60.9"], [61, "61"], [184.4, "184"]]);
table("count", count, [[1283, "1,283"], [undefined as never, NONE]]);

test("a bar is a share of a minute on a square-root scale", () => {
  expect(barShare(8400)).toBeCloseTo(0.374, 3);
  expect(barShare(0)).toBe(0);
  expect(barShare(240_000)).toBe(1);
});

test("times of another day show the day, and relative times speak the language", () => {
  const now = new Date(2026, 10, 20, 14, 32, 7);
  expect(clock(now, now, "en")).toBe("14:32:07");
  expect(clock(new Date(2026, 10, 18, 1, 2, 3), now, "en")).toBe("Nov 18");
  expect(clock(new Date(2026, 10, 18, 1, 2, 3), now, "zh-CN")).toBe("11月18日");
  expect(relative(new Date(+now - 180_000), now, "zh-CN", "刚刚")).toBe("3分钟前");
  expect(relative(new Date(+now - 2000), now, "en", "just now")).toBe("just now");
});

test.each([[0.92, "$0.92"], [0.003, "$0.0030"], [31.75, "$31.75"], [-0.5, "-$0.50"], [0, "$0"], [null, "—"]])("%s dollars spent are %s", (n, text) => expect(cents(n)).toBe(text));
test.each([[50, "50"], [7.5, "7.50"], [1200, "1,200"]])("%s dollars to spend are %s", (n, text) => expect(limit(n)).toBe(text));
