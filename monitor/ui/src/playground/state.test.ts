// The connection is lost while an answer comes: what was seen of it stands until it can be read.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Failure } from "../api/client";
import type { Chat, ChatTurn } from "./shapes";

const listeners = new Set<(event: { type: "hello" }) => void>();
const one = vi.fn<(id: number) => Promise<Chat>>();

vi.mock("../live/store", () => ({
  live: {
    listen(act: (event: { type: "hello" }) => void) {
      listeners.add(act);
      return () => listeners.delete(act);
    },
  },
}));
vi.mock("./chats", () => ({ chatsApi: { one, turn: async () => null } }));

const message = (id: number, role: string, content: string) => ({ id, message: { role, content } });
const turn = (id: number, said: number[], answer: number) => ({ id, state: "ok", message_ids: said, message_id: answer, request_id: null, exchange: null, model: "m", parameters: {} }) as unknown as ChatTurn;
const before = { id: 3, title: "t", messages: [message(1, "user", "hello"), message(2, "assistant", "hi")], history: [turn(4, [1], 2)] } as unknown as Chat;
const after = { ...before, messages: [...before.messages, message(5, "user", "and then?"), message(6, "assistant", "the end")], history: [...before.history, turn(7, [1, 2, 5], 6)] } as unknown as Chat;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("the question and the answer so far stay until the turn has been read", async () => {
  const { play } = await import("./state");
  one.mockResolvedValueOnce(before);
  await play.open(3);
  expect(play.entries.value.map((e) => e.message?.content)).toEqual(["hello", "hi"]);

  vi.stubGlobal("fetch", async () => ({
    headers: new Headers({ "x-glassway-conversation": "3", "x-glassway-turn": "7", "content-type": "text/event-stream" }),
    body: new ReadableStream({ start: (c) => c.error(new TypeError("network error")) }),
  }));
  one.mockRejectedValue(new Failure(0, null, null));
  play.draft.value.setup.model = "m";
  play.draft.value.text = "and then?";
  play.send();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(one.mock.calls.length).toBeGreaterThan(6);
  expect(play.run.value).not.toBeNull();
  expect(play.shown.value.map((e) => e.message?.content)).toEqual(["hello", "hi", "and then?"]);
  expect(play.turn.value?.id).toBe(4);

  // The feed is back: at once, not when the clock says so.
  one.mockReset().mockResolvedValue(after);
  for (const act of [...listeners]) act({ type: "hello" });
  await vi.advanceTimersByTimeAsync(1);
  expect(play.run.value).toBeNull();
  expect(play.turn.value?.id).toBe(7);
  expect(play.shown.value.map((e) => e.message?.content)).toEqual(["hello", "hi", "and then?", "the end"]);
  expect(play.failure.value).toBeNull();
  expect(listeners.size).toBe(0);
});
