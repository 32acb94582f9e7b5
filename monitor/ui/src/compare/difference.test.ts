// What two requests said is compared one text after another, large ones only when asked, and under
// the names of its two sides.

import { createApp, h, nextTick } from "vue";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { en as words } from "../i18n/en";
import { LARGE } from "../request/changes/large";
import Difference from "./Difference.vue";
import { inTurn } from "./inturn";

const compared = vi.hoisted(() => vi.fn());
vi.mock("../request/changes/lines", () => ({ lines: (before: string, after: string) => (compared(before, after), null), folded: () => [] }));

beforeEach(() => {
  vi.useFakeTimers();
  compared.mockClear();
  // Each piece takes a second.
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (now += 1000));
});
afterEach(async () => {
  await vi.runAllTimersAsync();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function show(of: { before: string; after: string }[]) {
  const root = document.createElement("div");
  const app = createApp({ render: () => of.map((one) => h(Difference, one)) });
  app.mount(root);
  return { root, app };
}

test("texts of a page are compared one after another", async () => {
  const { root, app } = show([{ before: "a", after: "b" }, { before: "c", after: "d" }]);
  expect(compared).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(900);
  expect(compared.mock.calls).toEqual([["a", "b"]]);
  await vi.runAllTimersAsync();
  expect(compared.mock.calls).toEqual([["a", "b"], ["c", "d"]]);
  // Given up, they stand side by side, each under its own name.
  expect([...root.querySelectorAll(".asides > *")].map((e) => e.getAttribute("aria-label"))).toEqual(["Left", "Right", "Left", "Right"]);
  app.unmount();
});

test("large ones are compared only when somebody asks", async () => {
  const { root, app } = show([{ before: "a".repeat(LARGE), after: "b" }]);
  await vi.runAllTimersAsync();
  expect(compared).not.toHaveBeenCalled();
  const button = [...root.querySelectorAll("button")].find((b) => b.textContent === words.changes.anyway)!;
  button.click();
  await nextTick();
  await vi.runAllTimersAsync();
  expect(compared).toHaveBeenCalledTimes(1);
  app.unmount();
});

test("what is taken back is not done, what comes after it is", async () => {
  const done: number[] = [];
  inTurn(() => done.push(1));
  inTurn(() => done.push(2))();
  inTurn(() => done.push(3));
  await vi.runAllTimersAsync();
  expect(done).toEqual([1, 3]);
});
