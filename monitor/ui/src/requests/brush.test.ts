import { expect, test } from "vitest";
import { parse } from "../filters/filters";
import { bars, ignored, shown, slotAt, stepped, stretch } from "./brush";

const slots = { since: "2026-11-20T10:00:00.000Z", until: "2026-11-20T10:40:00.000Z", width_minutes: 10, count: 4 };

test("what went wrong is added up apart", () => {
  const made = bars(slots, [{ name: "ok", calls: [1, 2, 0, 4] }, { name: "timeout", calls: [0, 1, 0, 0] }, { name: "client_error", calls: [0, 3, 0, 1] }]);
  expect([made.ok, made.failed, made.most]).toEqual([[1, 2, 0, 4], [0, 4, 0, 1], 6]);
});

test("a drag is a stretch of whole slots, open where it reaches now", () => {
  const now = Date.parse("2026-11-20T10:39:00Z");
  expect(stretch(slots, 2, 1, now)).toEqual({ since: "2026-11-20T10:10:00.000Z", until: "2026-11-20T10:30:00.000Z" });
  expect(stretch(slots, 3, 3, now)).toEqual({ since: "2026-11-20T10:30:00.000Z", until: null });
  expect([slotAt(-1, slots), slotAt(0.5, slots), slotAt(1, slots)]).toEqual([0, 2, 3]);
});

test("the chart shows the filter's own time", () => {
  const now = Date.parse("2026-11-20T10:39:00Z");
  expect(shown(parse("fox"), now)).toEqual({ preset: "24h" });
  expect(shown(parse("since:1h"), now)).toEqual({ preset: null, since: "2026-11-20T09:39:00.000Z", until: "2026-11-20T10:39:00.000Z" });
  expect(shown(parse("until:1h"), now)).toEqual({ preset: null, since: "2026-11-19T09:39:00.000Z", until: "2026-11-20T09:39:00.000Z" });
});

test("what the totals cannot be narrowed by is named", () => {
  expect(ignored(parse("model:a provider:b key:c client_token:d since:1h until:1m"))).toEqual([]);
  expect(ignored(parse("model:a path:/v1/* status:5xx fox"))).toEqual(["status", "path", "q"]);
  expect(ignored(parse("status:nonsense"))).toEqual([]);
});

test("keys move a handle as far as the other one", () => {
  expect(["ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Home", "End", "a"].map((key) => stepped(key, 12, 3, 20))).toEqual([11, 13, 20, 3, 3, 20, null]);
});
