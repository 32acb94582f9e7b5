// A list over the store, with pages that come late, fail, or are old when they come.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { effectScope, nextTick, ref } from "vue";
import type { Exchange } from "../api/types";
import { FakeSocket } from "../live/fake-socket";
import { HELD } from "../live/rows";
import type { Page } from "./pages";

const pending: { answer(page: Page): void; fail(cause: unknown): void }[] = [];
vi.mock("./pages", async (original) => ({
  ...(await original<typeof import("./pages")>()),
  ask: () => new Promise<Page>((answer, fail) => pending.push({ answer, fail })),
}));

const id = (n: number) => `id-${String(n).padStart(6, "0")}`;
const one = (n: number, more: object = {}) =>
  ({ id: id(n), started_at: new Date().toISOString(), outcome: "ok", status: 200, duration_ms: 5, attempts: 1, pinned: false, note: null, method: "POST", path: "/v1/x", origin: "client", ...more }) as unknown as Exchange;
const page = (...items: Exchange[]): Page => ({ items, next: null, total: items.length });
const settled = () => new Promise((resolve) => setTimeout(resolve));

let frames: FrameRequestCallback[] = [];
beforeEach(() => {
  vi.resetModules();
  pending.length = 0;
  frames = [];
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("requestAnimationFrame", (act: FrameRequestCallback) => frames.push(act));
});
afterEach(() => vi.unstubAllGlobals());

async function setUp(filter = "") {
  const { live } = await import("../live/store");
  const { useList } = await import("./list");
  live.start();
  let now = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => ++now);
  const say = async (...events: object[]) => {
    FakeSocket.last!.onmessage!({ data: JSON.stringify(events) });
    // A busy feed waits a moment between frames.
    for (let i = 0; !frames.length && i < 40; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    frames.splice(0).forEach((frame) => frame(0));
  };
  const scope = effectScope();
  const text = ref(filter);
  const list = scope.run(() => useList(text))!;
  pending.shift()!.answer(page(one(2), one(1)));
  await settled();
  const finished = (n: number, more = {}) => ({ type: "request.finished", seq: n, cursor: n, request: one(n, more) });
  const stop = () => {
    scope.stop();
    live.stop();
    clock.mockRestore();
  };
  return { live, list, text, say, finished, stop };
}

it("keeps what is read until the newest page is there, where more came than is held back", async () => {
  const { list, say, finished, stop } = await setUp();
  list.scrolled(false);
  await say(...Array.from({ length: HELD + 20 }, (_, n) => finished(10 + n)));
  expect([list.ids(), list.held(), list.total.value]).toEqual([[id(2), id(1)], HELD + 20, HELD + 22]);
  // Said again, each still counts once.
  await say(...Array.from({ length: 20 }, (_, n) => finished(10 + HELD + n, { note: "x" })));
  expect([list.held(), list.total.value]).toEqual([HELD + 20, HELD + 22]);

  list.scrolled(true);
  await nextTick();
  expect(list.ids()).toEqual([id(2), id(1)]);
  pending.shift()!.fail(new Error("away"));
  await settled();
  expect([list.ids(), list.held(), list.state.value]).toEqual([[id(2), id(1)], HELD + 20, "ready"]);
  // Nothing is put above a gap.
  await say(finished(90_000));
  expect([list.ids()[0], list.held()]).toEqual([id(2), HELD + 21]);

  list.release();
  pending.shift()!.answer(page(one(90_000), one(89_999)));
  await settled();
  expect([list.ids(), list.held()]).toEqual([[id(90_000), id(89_999)], 0]);
  stop();
});

it("counts only what matches, also when it comes to match late", async () => {
  const { list, say, finished, stop } = await setUp("status:5xx");
  list.scrolled(false);
  const running = { outcome: "in_flight", status: null, duration_ms: null };
  await say(...Array.from({ length: HELD + 50 }, (_, n) => finished(10 + n, { status: 500 })));
  const total = list.total.value!;
  await say({ type: "request.started", seq: 1, request: one(HELD + 20.5, running) });
  await say(finished(HELD + 20.5, { status: 200 }));
  expect([list.held(), list.total.value]).toEqual([HELD + 50, total]);
  await say(finished(HELD + 21.5, { status: 503 }));
  expect([list.held(), list.total.value]).toEqual([HELD + 51, total + 1]);
  stop();
});

it("leaves another filter's rows alone when an older question comes back", async () => {
  const { list, text, say, stop } = await setUp();
  await say({ type: "hello", cursor: 1, in_flight: [] });
  const older = pending.splice(0);
  text.value = "status:2xx";
  await nextTick();
  pending.shift()!.answer(page(one(8), one(7)));
  await settled();
  expect(older).toHaveLength(1);
  older.forEach((question) => question.answer(page(one(9, { status: 404 }))));
  await settled();
  expect(list.ids()).toEqual([id(8), id(7)]);
  stop();
});
