import { expect, test } from "vitest";
import { fromLocalMinute, localMinute, standingOf } from "./standing";

const NOW = Date.parse("2026-11-20T06:00:00Z");
const token = { enabled: true, expires_at: null, budget_usd: null, spent_usd: 0 };

test("a token is off, then expired, then spent, else on", () => {
  expect(standingOf(token, NOW)).toBe("on");
  expect(standingOf({ ...token, enabled: false, expires_at: "2026-11-19T00:00:00Z" }, NOW)).toBe("off");
  expect(standingOf({ ...token, expires_at: "2026-11-20T06:00:00Z", budget_usd: 1, spent_usd: 2 }, NOW)).toBe("expired");
  expect(standingOf({ ...token, budget_usd: 50, spent_usd: 50 }, NOW)).toBe("spent");
  expect(standingOf({ ...token, budget_usd: 50, spent_usd: 49.99 }, NOW)).toBe("on");
});

test("an expiry goes through its field and comes back the same", () => {
  const at = "2026-12-01T09:30:00.000Z";
  expect(fromLocalMinute(localMinute(at))).toBe(at);
  expect([localMinute(null), fromLocalMinute(""), fromLocalMinute("nonsense")]).toEqual(["", null, null]);
});
