import { expect, test } from "vitest";
import { called, endLines, ENDS, measured, nameLines, termsOf, tokenLines, type Series } from "./lines";

const total = { calls: 0 } as never;
const line = (name: string | null, calls: number[]) => ({
  name, provider: null, names: 1, total, calls, failed: calls.map((n) => n - 1), prompt_tokens: calls.map((n) => n * 10), completion_tokens: calls, cached_tokens: calls.map((n) => n * 4), cost_usd: calls.map((n) => n / 100),
});
const report = (items: ReturnType<typeof line>[]) => ({ span: { since: "", until: "", width_minutes: 1, count: 2 }, total, items }) as Series;

test("every way to end has one class, failures come first", () => {
  const all = ENDS.flatMap((e) => e.outcomes);
  expect(new Set(all).size).toBe(all.length);
  expect([...all].sort()).toEqual(["client_closed", "client_error", "interrupted", "ok", "rejected", "timeout", "upstream_closed", "upstream_error"]);
  const lines = endLines(report([line("ok", [5, 6]), line("timeout", [1, 0]), line("upstream_error", [1, 2]), line("rejected", [0, 3])]), (e) => e);
  expect(lines.map((l) => [l.label, l.values])).toEqual([["upstream", [2, 2]], ["client", [0, 3]], ["closed", [0, 0]], ["ok", [5, 6]]]);
});

test("names keep their order and the others have an ink of their own", () => {
  const lines = nameLines(report([line("a", [1, 2]), line(null, [3, 4])]), "tokens", (l) => l.name ?? "others");
  expect(lines.map((l) => [l.label, l.ink, l.values])).toEqual([["a", "--cat-1", [11, 22]], ["others", "--cat-other", [33, 44]]]);
  expect(measured(line("a", [3]), "cost")).toEqual([0.03]);
  expect(measured(line("a", [3]), "failed")).toEqual([2]);
});

test("tokens from a cache are not counted twice", () => {
  const lines = tokenLines(report([line("a", [1, 2]), line("b", [1, 0])]), { fresh: "in", cached: "cached", out: "out" });
  expect(lines.map((l) => l.values)).toEqual([[2, 2], [12, 12], [8, 8]]);
});

test("a name that no filter can say leads nowhere", () => {
  expect(termsOf("model", "gpt-4o")).toEqual({ model: "gpt-4o" });
  expect(termsOf("key", "main", "openai")).toEqual({ key: "main", provider: "openai" });
  expect([termsOf("model", ""), termsOf("model", null), termsOf("model", 'a"b'), termsOf("model", "a*")]).toEqual([null, null, null, null]);
});

test("no name and too many names have words of their own", () => {
  const words = { noName: { model: "no model", provider: "no provider", key: "no key", client_token: "no token" }, furtherNames: "further names" };
  expect([called("model", "", words), called("model", "*", words), called("key", "*", words), called("model", "gpt-4o", words)]).toEqual(["no model", "further names", "*", "gpt-4o"]);
});
