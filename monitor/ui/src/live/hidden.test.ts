// A hidden tab gets no frames: what the feed says must be applied all the same, also when the tab is
// hidden while a frame is awaited.

import { afterEach, expect, test, vi } from "vitest";
import { FakeSocket } from "./fake-socket";
import type { PoolEvent } from "./feed";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("events are applied when the tab is hidden while a frame is awaited", async () => {
  vi.useFakeTimers();
  let hidden = false;
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
  vi.stubGlobal("WebSocket", FakeSocket);
  const frames: FrameRequestCallback[] = [];
  vi.stubGlobal("requestAnimationFrame", (act: FrameRequestCallback) => frames.push(act));
  const { live } = await import("./store");
  const heard: (PoolEvent["type"] | "hello")[] = [];
  live.listen((event) => heard.push(event.type));
  live.start();
  const say = (event: object) => FakeSocket.last!.onmessage!({ data: JSON.stringify(event) });
  say({ type: "hello", cursor: 1, in_flight: [] });
  expect(frames).toHaveLength(1);
  frames.shift()!(0);
  expect(heard).toEqual(["hello"]);

  say({ type: "validation.progress", seq: 2, done: 1, total: 3 });
  expect(frames).toHaveLength(1);
  hidden = true;
  document.dispatchEvent(new Event("visibilitychange"));
  vi.advanceTimersByTime(600);
  expect(heard).toEqual(["hello", "validation.progress"]);

  // And from then on without any frame.
  say({ type: "validation.progress", seq: 3, done: 2, total: 3 });
  vi.advanceTimersByTime(600);
  expect(heard).toHaveLength(3);
  expect(frames).toHaveLength(1);
  live.stop();
});
