import { expect, test } from "vitest";
import type { Observation } from "../api/managed";
import { en, zh } from "../i18n/pages/traces";
import { fetchersOf, inWords, seenOf } from "./verdict";

const seen = (kind: Observation["kind"], finding: string, values: object, weight: Observation["weight"] = "sign"): Observation => ({ kind, finding, weight, values });

test("every finding has words for what it says and what it does not", () => {
  for (const w of [en, zh]) {
    for (const [kind, findings] of Object.entries(w.found)) {
      for (const finding of Object.keys(findings).filter((f) => f !== "unfetched")) {
        const found = inWords(seen(kind as Observation["kind"], finding, { addresses: ["192.0.2.1"], known: [{ name: "curl", role: "software", by: "agent" }], named: [{ name: "nginx" }] }), w, ", ");
        expect(found?.says, `${kind}.${finding}`).toBeTruthy();
        expect(found?.cannot, `${kind}.${finding}`).toBeTruthy();
      }
    }
  }
});

test("figures are in the words", () => {
  const code = inWords(seen("code", "read", { addresses: ["192.0.2.1", "::1"] }, "proof"), en, ", ");
  expect(code?.says).toContain("192.0.2.1, ::1");
  const known = [{ name: "Go", role: "software", by: "agent" }, { name: "OpenAI", role: "vendor", by: "agent" }];
  expect(inWords(seen("fetchers", "vendor_name", { known }), en, ", ")?.says).toBe("Calls itself OpenAI.");
  expect(inWords(seen("tokens", "text_only", { counted: 44, least: 1074 }), en, ", ")?.says).toContain("1,074");
  expect(inWords(seen("latency", "measured", { answer_ms: 1500, first_fetch_ms: null }), en, ", ")?.says).toBe("The answer took 1.5 s.");
  expect(inWords(seen("code", "of a newer gateway", {}), en, ", ")).toBeNull();
});

test("a silent relay is told from a blind model", () => {
  expect(seenOf({ saw_image: false, hit_count: 0, status: "done" })).toBe("none");
  expect(seenOf({ saw_image: false, hit_count: 2, status: "done" })).toBe("fetched");
  expect(seenOf({ saw_image: true, hit_count: 2, status: "done" })).toBe("yes");
  expect(seenOf({ saw_image: null, hit_count: 0, status: "running" })).toBe("open");
  expect(seenOf({ saw_image: null, hit_count: 1, status: "failed" })).toBe("no");
});

test("fetchers are a set in the order of arrival", () => {
  const hit = (ip: string) => ({ ip }) as never;
  expect(fetchersOf({ hits: [hit("b"), hit("a"), hit("b")] })).toEqual(["b", "a"]);
});
