import { afterEach, beforeEach, expect, test } from "vitest";
import { speak } from "../i18n";
import { countdown, duration, mark } from "./duration";

const ROWS: [ms: number, en: string, zh: string][] = [
  [0, "0 ms", "0 毫秒"], [0.48, "<1 ms", "<1 毫秒"], [0.5, "1 ms", "1 毫秒"], [812.4, "812 ms", "812 毫秒"], [999.6, "1.0 s", "1.0 秒"], [3400, "3.4 s", "3.4 秒"], [59_949, "59.9 s", "59.9 秒"],
  [59_960, "1 m", "1 分钟"], [130_000, "2 m 10 s", "2 分 10 秒"], [3_900_000, "1 h 5 m", "1 小时 5 分"], [7_200_000, "2 h", "2 小时"], [200 * 3_600_000, "8 d", "8 天"], [-5, "0 ms", "0 毫秒"],
];
beforeEach(() => speak("en"));
afterEach(() => speak("en"));

test.each(ROWS)("%s ms are %s, %s", (ms, en, zh) => {
  expect(duration(ms)).toBe(en);
  void speak("zh-CN");
  expect(duration(ms)).toBe(zh);
});
test.each([[1640, "1.64 s"], [0.22, "0.2 ms"], [15_400, "15.4 s"], [382, "382 ms"]])("finely, %s ms are %s", (ms, text) => expect(duration(ms, true)).toBe(text));
test("missing is a dash", () => expect(duration(null)).toBe("—"));
test("marks on an axis have no idle digit", () => {
  expect([0, 500, 2000, 2500].map(mark)).toEqual(["0", "500 ms", "2 s", "2.5 s"]);
  void speak("zh-CN");
  expect(mark(2000)).toBe("2 秒");
});
test("what is left ticks, and long waits are in days", () => {
  expect([42_000, 1_390_000, 3_730_000].map(countdown)).toEqual(["0:42", "23:10", "1:02:10"]);
  expect(countdown(51 * 3_600_000)).toBe("2 d 3 h");
  void speak("zh-CN");
  expect(countdown(51 * 3_600_000)).toBe("2 天 3 小时");
});
