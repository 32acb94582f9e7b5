// The store keeps what moves as objects and puts away what has ended: whoever asks sees no difference.

import { afterEach, expect, test, vi } from "vitest";
import type { Exchange } from "../api/types";
import { FakeSocket } from "./fake-socket";

const one = (n: number, more: object = {}) =>
  ({ id: `id-${String(n).padStart(6, "0")}`, started_at: "2026-01-01T00:00:00Z", outcome: "ok", status: 200, duration_ms: 5, attempts: 1, pinned: false, note: null, ...more }) as unknown as Exchange;

async function store() {
  vi.resetModules();
  vi.stubGlobal("WebSocket", FakeSocket);
  const frames: FrameRequestCallback[] = [];
  vi.stubGlobal("requestAnimationFrame", (act: FrameRequestCallback) => frames.push(act));
  const { live } = await import("./store");
  live.start();
  const say = (...events: object[]) => {
    FakeSocket.last!.onmessage!({ data: JSON.stringify(events) });
    vi.advanceTimersByTime(1000);
    frames.splice(0).forEach((frame) => frame(0));
  };
  return { live, say };
}

/** A view that shows what is in `ids`, and hears what changed. */
function view(ids: Set<string>) {
  const changed: Exchange[] = [];
  return { changed, viewer: { shows: (id: string) => ids.has(id), connected: () => {}, changed: (list: Exchange[]) => void changed.push(...list) } };
}

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a page that was put away is as it was, and moves on as any other", async () => {
  vi.useFakeTimers();
  const { live, say } = await store();
  const page = Array.from({ length: 250 }, (_, n) => one(n));
  const { changed, viewer } = view(new Set(page.map((x) => x.id)));
  live.view(viewer);
  expect(live.takePage(page, performance.now())).toEqual(page.map((x) => x.id));
  expect(live.get(page[7]!.id)).toEqual(page[7]);

  // Said again, nothing changes; pinned, it does, whoever says it.
  const asked = performance.now();
  live.take([one(9, { note: "seen" })]);
  expect(changed.splice(0).map((x) => x.note)).toEqual(["seen"]);
  say({ type: "request.updated", seq: 1, request: page[7]! });
  expect(changed).toEqual([]);
  say({ type: "request.updated", seq: 2, request: one(7, { pinned: true }) });
  expect(changed.map((x) => x.id)).toEqual([page[7]!.id]);
  expect(live.get(page[7]!.id)?.pinned).toBe(true);
  // A page that was asked for before it was pinned may come after it; a later one knows better.
  live.takePage(page.slice(0, 20), asked);
  expect(live.get(page[7]!.id)?.pinned).toBe(true);
  live.takePage(page.slice(0, 20), performance.now() + 1);
  expect(live.get(page[7]!.id)?.pinned).toBe(false);
  expect(live.get(page[8]!.id)).toEqual(page[8]);

  live.stop();
  expect(live.get(page[8]!.id)).toBeUndefined();
});

test("what runs stays at hand, however much ends meanwhile", async () => {
  vi.useFakeTimers();
  const { live, say } = await store();
  const ids = new Set<string>();
  live.view(view(ids).viewer);
  const running = one(0, { outcome: "in_flight", status: null, duration_ms: null });
  ids.add(running.id);
  say({ type: "request.started", seq: 1, request: running });
  for (let n = 1; n <= 3000; n += 100) {
    const ended = Array.from({ length: 100 }, (_, i) => one(n + i));
    ended.forEach((x) => ids.add(x.id));
    say(...ended.map((request, i) => ({ type: "request.finished", seq: n + i, cursor: n + i, request })));
  }
  expect(live.running().map((x) => x.id)).toEqual([running.id]);
  for (const n of [1, 900, 2999, 3000]) expect(live.get(one(n).id)).toEqual(one(n));

  // What no list shows any more goes, wherever it lies.
  for (const n of [1, 2, 2999]) ids.delete(one(n).id);
  live.forget();
  for (const n of [1, 2, 2999]) expect(live.get(one(n).id)).toBeUndefined();
  for (const n of [3, 2998]) expect(live.get(one(n).id)).toEqual(one(n));
  say({ type: "request.finished", seq: 4000, cursor: 4000, request: one(0) });
  expect(live.running()).toEqual([]);
  expect(live.get(running.id)?.outcome).toBe("ok");
  live.stop();
});
