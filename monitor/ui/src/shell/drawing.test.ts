// Pieces: one after the other, a task for each that takes its time, and none for what has gone.

import { createApp, defineComponent, h, nextTick, shallowRef } from "vue";
import { afterEach, expect, test, vi } from "vitest";
import { enqueue, useHeld, useParts } from "./drawing";

const later = (ms = 0) => new Promise((go) => setTimeout(go, ms));
const busy = (ms: number) => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};
afterEach(() => vi.restoreAllMocks());

test("they come in order, and not before what asked for them has been drawn", async () => {
  const done: number[] = [];
  for (const n of [1, 2, 3]) enqueue(() => done.push(n));
  expect(done).toEqual([]);
  await nextTick();
  expect(done).toEqual([]);
  await vi.waitFor(() => expect(done).toEqual([1, 2, 3]));
});

test("what takes its time has a task of its own, what does not shares one", async () => {
  const timers = vi.spyOn(globalThis, "setTimeout");
  let done = 0;
  const tasks = async (ms: number) => {
    timers.mockClear();
    done = 0;
    for (let n = 0; n < 4; n++) enqueue(() => (busy(ms), done++));
    while (done < 4) await new Promise((go) => requestAnimationFrame(go));
    return timers.mock.calls.length;
  };
  expect(await tasks(5)).toBe(4);
  expect(await tasks(0)).toBeLessThan(4);
});

test("what is called off does not come, and the others do", async () => {
  const done: string[] = [];
  enqueue(() => done.push("a"));
  const off = enqueue(() => done.push("b"));
  enqueue(() => done.push("c"));
  off();
  await vi.waitFor(() => expect(done).toEqual(["a", "c"]));
  await later(30);
  expect(done).toEqual(["a", "c"]);
});

test("one that fails is heard of, and keeps no other from being drawn", async () => {
  const listening = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  const failed = vi.fn();
  process.once("uncaughtException", failed);
  const done = vi.fn();
  enqueue(() => {
    throw new Error("no");
  });
  enqueue(done);
  await vi.waitFor(() => expect(done).toHaveBeenCalledOnce());
  await vi.waitFor(() => expect(failed).toHaveBeenCalledOnce());
  for (const one of listening) process.on("uncaughtException", one);
});

test("a hidden page, which has no frames, gets its pieces too", async () => {
  vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  const frames = vi.spyOn(globalThis, "requestAnimationFrame");
  const done = vi.fn();
  enqueue(done);
  await vi.waitFor(() => expect(done).toHaveBeenCalledOnce());
  expect(frames).not.toHaveBeenCalled();
});

/** Uses what can only be used inside a component. */
function mounted(use: () => () => unknown) {
  let read: () => unknown = () => null;
  const app = createApp(defineComponent({ setup: () => ((read = use()), () => h("i")) }));
  app.mount(document.createElement("div"));
  return { read: () => read(), leave: () => app.unmount() };
}

test("parts come one by one, once it is ready", async () => {
  const ready = shallowRef(false);
  const page = mounted(() => {
    const parts = useParts(3, ready);
    return () => parts.value;
  });
  await later(40);
  expect(page.read()).toBe(1);
  ready.value = true;
  await vi.waitFor(() => expect(page.read()).toBe(3));
  await later(30);
  expect(page.read()).toBe(3);
  page.leave();
});

test("what has come is held until it is due, and what comes after is there at once", async () => {
  const answer = shallowRef<string | null>(null);
  const page = mounted(() => {
    const held = useHeld(() => answer.value);
    return () => held.value;
  });
  answer.value = "first";
  expect(page.read()).toBeNull();
  await vi.waitFor(() => expect(page.read()).toBe("first"));
  answer.value = "second";
  expect(page.read()).toBe("second");
  page.leave();
});
