import { expect, test } from "vitest";
import type { Provider } from "../api/managed";
import { readDeployments, standingOf, writeDeployments } from "./health";

const NOW = Date.parse("2026-11-20T06:00:00Z");
const provider = (over: Partial<Provider>): Provider => ({
  id: 2, name: "hk", kind: "openai", base_url: "https://hk.example", enabled: true, priority: 0, notes: "", price_multiplier: 1, api_version: null, deployments: {}, built_in: false,
  origin: "https://hk.example", health: { status: "ok", status_reason: null, status_until: null }, keys: { active: 1 }, preset: null, created_at: "2026-11-01T00:00:00Z", warnings: [], ...over,
});

test("a provider is off, or cooling until the clock says so, or without a key, or fine", () => {
  const cooling = (until: string | null) => ({ health: { status: "cooling" as const, status_reason: null, status_until: until } });
  expect(standingOf(provider({ enabled: false, ...cooling(null) }), NOW)).toBe("off");
  expect(standingOf(provider(cooling("2026-11-20T06:00:05Z")), NOW)).toBe("cooling");
  expect(standingOf(provider(cooling("2026-11-20T05:59:59Z")), NOW)).toBe("ok");
  expect(standingOf(provider({ health: { status: "open", status_reason: "status 502", status_until: null } }), NOW)).toBe("open");
  expect(standingOf(provider({ keys: {} }), NOW)).toBe("unused");
});

test("deployments are read line by line and written back the same", () => {
  expect(readDeployments("gpt-4o = swe\n\n gpt-4.1=gpt41 ")).toEqual({ "gpt-4o": "swe", "gpt-4.1": "gpt41" });
  expect(readDeployments("gpt-4o = swe\ngpt-4.1")).toBe(2);
  expect(readDeployments(writeDeployments({ a: "b", c: "d" }))).toEqual({ a: "b", c: "d" });
});
