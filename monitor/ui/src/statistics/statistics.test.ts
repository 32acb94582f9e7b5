import { expect, test } from "vitest";
import type { Series } from "../charts/lines";
import { heat, tint } from "./heat";
import { inOrder, ofSlots, type Row } from "./rows";

test("hours of the week are the reader's and add up", () => {
  // A Friday.
  const since = new Date(2026, 10, 20, 22).getTime();
  const week = heat(since, [1, 2, 4, ...Array<number>(165).fill(0), 8]);
  expect(week[4]![22]).toEqual({ sum: 9, slots: [0, 168] });
  expect(week[4]![23]!.sum).toBe(2);
  expect(week[5]![0]!.sum).toBe(4);
  expect(week.flat().reduce((n, cell) => n + cell.sum, 0)).toBe(15);
});

test("tints grow with the sum and never leave their scale", () => {
  expect([tint(0, 9), tint(1, 9), tint(9, 9), tint(5, 0), tint(-1, 9)]).toEqual([0, 1 / 3, 1, 0, 0]);
});

const span = { since: "2026-11-20T00:00:00Z", until: "2026-11-20T03:00:00Z", width_minutes: 60, count: 3 };
const line = (name: string, calls: number[], failed: number[]) => ({ name, provider: null, names: 1, total: {} as never, calls, failed, prompt_tokens: calls, completion_tokens: calls, cached_tokens: calls, cost_usd: calls });
const empty = { whole: {} as never, calls: [], p50: [null, null, 30], p95: [], p99: [] };

test("slots become rows, newest first, empty ones left out", () => {
  const series = { span, total: {} as never, items: [line("ok", [3, 0, 1], [0, 0, 0]), line("client_closed", [1, 0, 1], [0, 0, 0]), line("timeout", [1, 0, 0], [1, 0, 0])] } as Series;
  const rows = ofSlots(series, { span, duration_ms: empty, ttfb_ms: empty, first_token_ms: empty });
  expect(rows.map((r) => [r.at, r.calls, r.failed, r.success, r.p50])).toEqual([
    [Date.parse("2026-11-20T02:00:00Z"), 2, 0, 1, 30],
    [Date.parse("2026-11-20T00:00:00Z"), 5, 1, 0.75, null],
  ]);
});

test("rows sort by any column, both ways, the unknown last", () => {
  const row = (name: string, calls: number, p95: number | null) => ({ key: name, name, provider: null, at: null, calls, p95 }) as Row;
  const rows = [row("b-10", 1, null), row("b-2", 3, 5), row("a", 2, 9)];
  const names = (sort: string) => inOrder(rows, sort).map((r) => r.name);
  expect(names("")).toEqual(["b-10", "b-2", "a"]);
  expect(names("calls")).toEqual(["b-2", "a", "b-10"]);
  expect(names("-calls")).toEqual(["b-10", "a", "b-2"]);
  expect(names("name")).toEqual(["a", "b-2", "b-10"]);
  expect(names("p95")).toEqual(["a", "b-2", "b-10"]);
  expect(names("nonsense")).toEqual(["b-10", "b-2", "a"]);
});
