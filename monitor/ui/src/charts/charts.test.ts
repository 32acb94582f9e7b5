import { describe, expect, test } from "vitest";
import { parse } from "../filters/filters";
import { between, filterOf, readRange, startOf, writeRange, type Slots } from "./span";
import { extent, peak, stacked, total, trace } from "./stack";
import { amounts, decades, moments } from "./ticks";
import { mark, stretch } from "./when";

describe("ranges", () => {
  const slots: Slots = { since: "2026-11-20T10:00:00Z", until: "2026-11-20T14:00:00Z", width_minutes: 30, count: 8 };
  test("come from the address and go back into it", () => {
    expect(readRange({}, "24h")).toEqual({ preset: "24h" });
    expect(readRange({ range: "7d" }, "24h")).toEqual({ preset: "7d" });
    expect(readRange({ range: "9y" }, "24h")).toEqual({ preset: "24h" });
    const fixed = { preset: null, since: "2026-11-20T10:00:00Z", until: "2026-11-20T11:00:00Z" } as const;
    expect(readRange({ since: fixed.since, until: fixed.until }, "24h")).toEqual(fixed);
    expect(readRange({ since: fixed.until, until: fixed.since }, "1h")).toEqual({ preset: "1h" });
    expect(readRange(writeRange({ by: "key" }, fixed, "24h") as never, "24h")).toEqual(fixed);
    expect(writeRange({ since: "x", until: "y", by: "key" }, { preset: "24h" }, "24h")).toEqual({ by: "key", range: undefined, since: undefined, until: undefined });
  });
  test("a brush takes whole slots, in either direction, and stays inside", () => {
    const taken = { preset: null, since: "2026-11-20T10:30:00.000Z", until: "2026-11-20T12:00:00.000Z" };
    expect(between(slots, 1, 3)).toEqual(taken);
    expect(between(slots, 3, 1)).toEqual(taken);
    expect(between(slots, -5, 99)).toMatchObject({ since: "2026-11-20T10:00:00.000Z", until: "2026-11-20T14:00:00.000Z" });
    expect(startOf(slots, 8)).toBe(Date.parse(slots.until));
  });
  test("click through to what they count", () => {
    const text = filterOf({ since: "2020-11-20T10:00:00Z", until: "2020-11-20T11:00:00Z" }, { model: "my model", outcome: "ok" });
    expect(parse(text).by).toEqual({ model: "my model", outcome: "ok", since: "2020-11-20T10:00:00Z", until: "2020-11-20T11:00:00Z", origin: "client,chat,replay" });
    expect(parse(filterOf({ since: "2020-11-20T10:00:00Z", until: "2999-01-01T00:00:00Z" })).by.until).toBeUndefined();
  });
});

describe("stacking", () => {
  test("each edge is the sum of what lies below", () => {
    expect(stacked([[1, 0, null], [2, 3, 4], [0, 1, 0]])).toEqual([[1, 0, 0], [3, 3, 4], [3, 4, 4]]);
    expect(stacked([])).toEqual([]);
  });
  test("sums, peaks and extents", () => {
    expect(total([1, null, 2.5])).toBe(3.5);
    expect(peak([[1, 0, 5], [1, 9, 0]])).toBe(1);
    expect(peak([[0, 0]])).toBe(-1);
    expect(extent([[null, 3], [7, null]])).toEqual([3, 7]);
    expect(extent([[null], []])).toBeNull();
  });
  test("a small line fills its box and bridges gaps", () => {
    expect(trace([0, 10], 20)).toEqual({ edge: "M0.0 19.0L100.0 1.0", area: "M0.0 19.0L100.0 1.0V20H0.0z" });
    expect(trace([10, null, 10], 20).edge).toBe("M0.0 1.0L100.0 1.0");
    expect(trace([null, null], 20)).toEqual({ edge: "M0 19H100", area: "" });
    expect(trace([null, 4], 20).edge).toBe("M98.0 1.0L100.0 1.0");
  });
});

describe("marks", () => {
  test.each([
    [0, [0, 1]], [3, [0, 1, 2, 3]], [10, [0, 2.5, 5, 7.5, 10]], [396, [0, 100, 200, 300, 400]], [0.0003, [0, 0.0001, 0.0002, 0.0003]], [1e6, [0, 250_000, 500_000, 750_000, 1_000_000]], [NaN, [0, 1]],
  ])("up to %s are %j", (most, expected) => expect(amounts(most)).toEqual(expected));
  test.each([[1, [0, 1]], [3, [0, 1, 2, 3]], [10, [0, 5, 10]], [90, [0, 25, 50, 75, 100]]])("of counts up to %s are whole: %j", (most, expected) => expect(amounts(most, true)).toEqual(expected));
  test.each([[480, 19_100], [1, 1], [3, 4], [999, 1001], [0.4, 20_000]])("of a logarithm hold %s and %s", (least, most) => {
    const ticks = decades(least, most);
    expect(ticks[0]!).toBeLessThanOrEqual(least);
    expect(ticks.at(-1)!).toBeGreaterThanOrEqual(most);
    expect(ticks.length).toBeGreaterThan(1);
    for (const n of ticks) expect([1, 2, 5]).toContain(Number(n.toExponential().split("e")[0]));
  });
  test("along the time are round for the reader", () => {
    const since = new Date(2026, 10, 20, 13, 30).getTime();
    const at = moments(since, 30, 48, 8).map((slot) => new Date(since + slot * 30 * 60_000));
    expect(at.length).toBeGreaterThan(3);
    expect(at.length).toBeLessThanOrEqual(9);
    for (const d of at) expect([d.getMinutes(), d.getHours() % 3]).toEqual([0, 0]);
    const month = moments(new Date(2026, 9, 20).getTime(), 720, 60, 6);
    for (const slot of month) expect(slot % 2).toBe(0);
  });
  test("are written short, days by name", () => {
    const at = (h: number, m = 0, d = 20) => new Date(2026, 10, d, h, m).getTime();
    expect(mark(at(14, 30), 30, "en")).toBe("14:30");
    expect(mark(at(0), 30, "en")).toBe("Nov 20");
    expect(mark(at(0), 1440, "zh-CN")).toBe("11月20日");
    expect(stretch(at(6), at(6, 30), "en")).toBe("Nov 20, 06:00 – 06:30");
    expect(stretch(at(0), at(0, 0, 21), "en")).toBe("Fri, Nov 20");
    expect(stretch(at(23), at(2, 0, 21), "en")).toBe("Nov 20, 23:00 – Nov 21, 02:00");
  });
});
