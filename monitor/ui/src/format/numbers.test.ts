import { expect, test } from "vitest";
import { NONE, barShare, bytes, cents, count, limit, money, percent, price, rate, tokens } from "./numbers";
import { absolute, clock, dayHourMinute, relative, weekdayDay, yearDay } from "./time";

function table<T>(name: string, f: (value: T) => string, rows: [T, string][]) {
  test.each(rows)(`${name} %s → %s`, (value, expected) => expect(f(value)).toBe(expected));
}

table("tokens", tokens, [[0, "0"], [1234, "1,234"], [9999, "9,999"], [10_000, "10.0k"], [38_402, "38.4k"], [999_499, "999k"], [999_500, "1.0M"], [1_234_000, "1.2M"], [2.5e9, "2.5G"], [null as never, NONE]]);
table("money", money, [[0, "$0"], [0.00012, "$0.00012"], [0.0012, "$0.0012"], [0.0003, "$0.0003"], [0.00006, "$0.00006"], [0.0219, "$0.0219"], [0.5, "$0.5000"], [1.5, "$1.50"], [12_345.6, "$12,346"], [0.0000001, "<$0.000001"], [0.000012, "$0.000012"], [-0.02, "-$0.0200"], [null as never, NONE]]);
table("bytes", bytes, [[0, "0 B"], [1023, "1,023 B"], [1331, "1.3 KB"], [8_388_608, "8.0 MB"], [1023 * 1024, "1.0 MB"], [5e12, "4.5 TB"]]);
table("percent", percent, [[1, "100%"], [0.99999, ">99.9%"], [0.984, "98.4%"], [0.5, "50%"], [0, "0.0%"], [null as never, NONE]]);
table("rate", rate, [[60.9, "60.9"], [61, "61"], [184.4, "184"]]);
table("price", price, [[0.15, "$0.15"], [0.005, "$0.005"], [0.0000004, "$0.00"], [1234.5, "$1,234.50"], [10, "$10.00"], [0, "$0.00"], [0.123456, "$0.123456"], [null as never, NONE]]);
table("count", count, [[1283, "1,283"], [1_234_567.5, "1,234,568"], [-1283, "-1,283"], [999, "999"], [undefined as never, NONE]]);

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
  expect([-5, -90, -7200, -86_400, -200_000, 90, 86_400].map((s) => relative(new Date(+now + s * 1000), now, "en", "now"))).toEqual(["5 sec. ago", "1 min. ago", "2 hr. ago", "1 day ago", "2 days ago", "in 1 min.", "in 1 day"]);
  expect([-5, -180, -7200, -86_400, 90].map((s) => relative(new Date(+now + s * 1000), now, "zh-CN", "刚刚"))).toEqual(["5秒前", "3分钟前", "2小时前", "1天前", "1分钟后"]);
  expect(relative(new Date(+now - 2000), now, "en", "just now")).toBe("just now");
});

test.each([[0.92, "$0.92"], [0.003, "$0.0030"], [31.75, "$31.75"], [-0.5, "-$0.50"], [0, "$0"], [null, "—"]])("%s dollars spent are %s", (n, text) => expect(cents(n)).toBe(text));
test.each([[50, "50"], [7.5, "7.50"], [1200, "1,200"]])("%s dollars to spend are %s", (n, text) => expect(limit(n)).toBe(text));

test.each(["en", "zh-CN"])("days are written as the browser writes them in %s", (language) => {
  for (let month = 0; month < 12; month++) {
    const at = new Date(2026, month, 3 + month, 4, 5, 6, 7);
    const intl = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(language, { hourCycle: "h23", ...options }).format(at);
    expect(weekdayDay(at, language)).toBe(intl({ month: "short", day: "numeric", weekday: "short" }));
    expect(yearDay(at, language)).toBe(intl({ dateStyle: "medium" }));
    expect(dayHourMinute(at, language)).toBe(intl({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }));
    const whole = intl({ year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
    expect(absolute(at, language)).toMatch(/^(.*) (UTC|GMT[+-]\d+(:\d\d)?)$/);
    expect(absolute(at, language).replace(/ [^ ]+$/, "")).toBe(whole);
  }
});
