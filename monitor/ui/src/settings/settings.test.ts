import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Refused } from "../roster/form";
import { agent } from "./agent";
import { withLevel } from "./logs";
import { inputOf, keptOf, over, shares } from "./retention";

const record = { max_exchanges: 1_000_000, max_age_s: 30 * 86_400, max_body_age_s: 0, max_disk_bytes: 20_000_000_000 };
const none = { max_exchanges: null, max_age_s: null, max_body_age_s: null, max_disk_bytes: null };
const settings = (set: Partial<Record<keyof typeof none, number>>) => ({ ...none, ...set, instance: { record } });

test("retention shows what counts and says so in the API's units", () => {
  const empty = { exchanges: "", days: "", bodyDays: "", disk: "" };
  expect(keptOf(settings({}))).toEqual({ exchanges: "1000000", days: "30", bodyDays: "", disk: "20", own: false });
  expect(keptOf(settings({ max_exchanges: 0, max_age_s: 43_200 }))).toEqual({ ...empty, days: "0.5", disk: "20", own: true });
  expect(keptOf(settings({ max_body_age_s: 86_400 }))).toEqual({ exchanges: "1000000", days: "30", bodyDays: "1", disk: "20", own: true });
  expect(inputOf({ ...empty, own: false }, settings({ max_exchanges: 5, max_disk_bytes: 0 }))).toEqual({ max_exchanges: null, max_disk_bytes: null });
  expect(inputOf({ exchanges: "1,000", days: "0.5", bodyDays: "2", disk: "1.5", own: true }, settings({}))).toEqual({ max_exchanges: 1000, max_age_s: 43_200, max_body_age_s: 172_800, max_disk_bytes: 1_500_000_000 });
  expect(inputOf({ ...empty, own: true }, settings({}))).toEqual({ max_exchanges: 0, max_age_s: 0, max_body_age_s: 0, max_disk_bytes: 0 });
  for (const bad of [{ exchanges: "many" }, { exchanges: "1.5" }, { exchanges: "-1" }, { days: "-2" }, { bodyDays: "soon" }, { disk: "-1" }]) expect(() => inputOf({ ...empty, ...bad, own: true }, settings({}))).toThrow(Refused);
});

test("a limit that nobody edited stays as exact as it is", () => {
  const odd = settings({ max_age_s: 3600, max_body_age_s: 300, max_disk_bytes: 21_474_836_481 });
  const shown = keptOf(odd);
  expect(Number(shown.bodyDays), "a cap is never shown as none").toBeGreaterThan(0);
  expect(inputOf(shown, odd)).toEqual({});
  expect(inputOf({ ...shown, exchanges: "5" }, odd)).toEqual({ max_exchanges: 5 });
  expect(inputOf({ ...shown, days: "0.000001" }, odd), "however short, it is a cap").toEqual({ max_age_s: 1 });
  expect(inputOf({ ...shown, disk: "" }, odd)).toEqual({ max_disk_bytes: 0 });
});

test("limits that become own ones are said as exactly as they were configured", () => {
  const odd = { ...settings({}), instance: { record: { ...record, max_age_s: 3600 } } };
  expect(inputOf({ ...keptOf(odd), own: true, exchanges: "5" }, odd)).toEqual({ ...odd.instance.record, max_exchanges: 5 });
});

test("what goes by a cap is counted, and is unknown where the count is", () => {
  expect(over({ most: 100, age: 60 }, { all: 130, older: 7 })).toBe(30);
  expect(over({ most: 100, age: 60 }, { all: 90, older: 0 })).toBe(0);
  expect(over({ most: 0, age: 0 }, { all: null, older: null })).toBe(0);
  expect([over({ most: 100, age: 0 }, { all: null, older: 0 }), over({ most: 0, age: 60 }, { all: 5, older: null }), over({ most: 100, age: 60 }, { all: null, older: 0 })]).toEqual([null, null, null]);
});

test("the largest part comes first and the smallest can be seen", () => {
  expect(shares([["a", 1], ["b", 900], ["c", 0], ["d", 99]]).map((s) => [s.name, s.share])).toEqual([["b", 0.9], ["d", 0.099], ["a", 0.004]]);
});

test("a user agent in a few words", () => {
  expect(agent("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15")).toBe("Safari, macOS");
  expect(agent("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Edg/130.0")).toBe("Edge, Windows");
  expect(agent("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36")).toBe("Chrome, Android");
  expect([agent("curl/8.5.0"), agent("")]).toEqual(["curl/8.5.0", ""]);
});

test("the third-party notices are of what the lock files say", () => {
  const read = (path: string) => readFileSync(path, "utf8");
  const notices = JSON.parse(read("public/third-party.json")) as { name: string; version: string; license: string }[];
  const crates = new Set([...read("../../Cargo.lock").matchAll(/name = "([^"]+)"\nversion = "([^"]+)"/g)].map((m) => `${m[1]} ${m[2]}`));
  const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, { version: string; dev?: boolean }> };
  const modules = new Set(Object.entries(lock.packages).map(([path, p]) => `${path.replace(/^.*node_modules\//, "")} ${p.version}`));
  const unknown = notices.filter((n) => !crates.has(`${n.name} ${n.version}`) && !modules.has(`${n.name} ${n.version}`));
  expect(unknown, "run `npm run notices`").toEqual([]);
  const told = new Set(notices.map((n) => n.name));
  const needed = Object.keys((JSON.parse(read("package.json")) as { dependencies: object }).dependencies);
  expect(needed.filter((name) => !told.has(name)), "run `npm run notices`").toEqual([]);
  expect(notices.every((n) => n.license)).toBe(true);
});

test.each([
  ["info", "glassway_proxy::journal", "debug", "info,glassway_proxy::journal=debug"],
  ["info, glassway_proxy::journal = warn,h2=debug", "glassway_proxy::journal", "trace", "info,glassway_proxy::journal=trace,h2=debug"],
  ["info,h2=debug", "", "error", "error,h2=debug"],
  ["", "h2", "info", "h2=info"],
  ["h2=debug", "", "warn", "warn,h2=debug"],
] as const)("%s with %s=%s", (filter, module, level, expected) => expect(withLevel(filter, module, level)).toBe(expected));
