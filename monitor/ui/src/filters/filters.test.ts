import { describe, expect, test } from "vitest";
import { afterwards, matches, moment, parse, query, set, type Filterable } from "./filters";

const NOW = Date.parse("2026-11-20T12:00:00Z");

describe("parsing", () => {
  const rows: [string, Record<string, string>][] = [
    ["", {}],
    ["狐狸", { q: "狐狸" }],
    ["model:gpt-4o status:5xx 狐狸", { model: "gpt-4o", status: "5xx", q: "狐狸" }],
    ["since:1h", { since: "2026-11-20T11:00:00.000Z" }],
    ['model:"my model" x', { model: "my model", q: "x" }],
    ["MODEL:gpt-4o", { model: "gpt-4o" }],
    ["method:post", { method: "POST" }],
    ["status:5XX", { status: "5xx" }],
    ["status:banana", {}],
    ["model:", {}],
    ["http://x.y/z", { q: "http://x.y/z" }],
    ["foo:bar", { q: "foo:bar" }],
    ["model:a model:b", { model: "b" }],
    ['"two words"', { q: "two words" }],
    ["model:org/name:free", { model: "org/name:free" }],
    ["outcome:client_closed,timeout", { outcome: "client_closed,timeout" }],
    ["<img onerror=x>", { q: "<img onerror=x>" }],
  ];
  test.each(rows)("%s", (text, expected) => expect(query(parse(text), NOW)).toEqual(expected));

  test("says what is not a filter and what is not a value", () => {
    expect(parse("modle:gpt").terms[0]).toMatchObject({ problem: "unknown", typed: "modle" });
    expect(parse("status:9").terms[0]).toMatchObject({ problem: "value" });
    expect(parse("12:30:05").terms[0]).toMatchObject({ problem: null });
  });

  test("knows where each term stands", () => {
    const text = "a  model:b";
    expect(parse(text).terms.map((t) => text.slice(t.start, t.end))).toEqual(["a", "model:b"]);
  });
});

describe("setting a filter", () => {
  const rows: [string, Parameters<typeof set>[1], string | null, string][] = [
    ["狐狸", "model", "gpt-4o", "model:gpt-4o 狐狸"],
    ["model:a 狐狸", "model", "b", "model:b 狐狸"],
    ["model:a status:5xx", "model", null, "status:5xx"],
    ["", "model", "my model", 'model:"my model"'],
    ["x", "status", null, "x"],
  ];
  test.each(rows)("%s · %s=%s", (text, name, value, expected) => expect(set(text, name, value)).toBe(expected));
});

test("moments are relative or absolute", () => {
  expect(moment("90m", NOW)).toBe(NOW - 90 * 60_000);
  expect(moment("2026-11-20T10:00:00Z", NOW)).toBe(Date.parse("2026-11-20T10:00:00Z"));
  expect(moment("2026-11-20", NOW)).toBe(new Date(2026, 10, 20).getTime());
  expect(moment("soon", NOW)).toBeNull();
});

describe("matching a live exchange", () => {
  const x: Filterable = {
    started_at: "2026-11-20T11:59:00Z", method: "POST", path: "/v1/chat/completions", origin: "client", mode: "transparent",
    client_token: null, provider: "openai", key: null, model: "gpt-4o", status: 502, outcome: "upstream_error", stream: true, duration_ms: 900,
  };
  const rows: [string, boolean][] = [
    ["", true], ["model:gpt-4o", true], ["model:gpt-4", false], ["status:5xx", true], ["status:502", true], ["status:2xx", false],
    ["outcome:upstream_error,timeout", true], ["outcome:ok", false], ["since:1h", true], ["since:30s", false], ["until:1h", false],
    ["min_duration_ms:900", true], ["min_duration_ms:901", false], ["stream:true", true], ["stream:false", false], ["pinned:false", true], ["pinned:true", false],
    ["chat", true], ["狐狸", false], ["path:/v1/chat*", true], ["path:/v1/chat", false], ["model:gpt-*", true], ["model:*4o", true], ["model:g.t-4o", false], ["key:main", false], ["method:get", false],
    ["origin:client,chat,replay", true], ["origin:test", false], ["origin:nobody", true], ["error:none", true], ["error:upstream_connect", false],
  ];
  test.each(rows)("%s → %s", (text, expected) => expect(matches(x, parse(text), NOW)).toBe(expected));
  test("an error is known by its code", () => {
    const failed = { ...x, error: { code: "upstream_connect" } };
    expect(["error:upstream_connect", "error:upstream_*", "error:none", "error:timeout"].map((text) => matches(failed, parse(text), NOW))).toEqual([true, true, false, false]);
  });
  test("what runs has taken the time since it began", () => {
    const runs = { ...x, outcome: "in_flight", duration_ms: null };
    expect(["min_duration_ms:60000", "min_duration_ms:60001"].map((text) => matches(runs, parse(text), NOW))).toEqual([true, false]);
  });
  test("a shown row keeps its place in a conversation and a search, but not in a list it has left", () => {
    const turn = "conversation:0193a000-0000-7000-8000-000000000001";
    expect(matches(x, parse(turn), NOW)).toBe(false);
    expect([`${turn} 狐狸`, `${turn} status:2xx`].map((text) => matches(x, afterwards(parse(text)), NOW))).toEqual([true, false]);
  });
  test("a status that has not come matches no class", () => expect(matches({ ...x, status: null }, parse("status:2xx"), NOW)).toBe(false));
});
