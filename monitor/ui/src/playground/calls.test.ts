// Tool calls that wait for their results: a question typed meanwhile waits too, and stays.

import { createApp, nextTick } from "vue";
import { expect, test, vi } from "vitest";
import type { Chat } from "./shapes";

const CALL = { role: "assistant", content: null, tool_calls: [{ id: "call_1", type: "function", function: { name: "get_weather", arguments: "{}" } }] };
const chat = {
  id: 3, title: "t",
  messages: [{ id: 1, message: { role: "user", content: "what weather?" } }, { id: 2, message: CALL }],
  history: [{ id: 4, state: "ok", message_ids: [1], message_id: 2, request_id: null, exchange: null, model: "m", parameters: {} }],
} as unknown as Chat;
vi.mock("../live/store", () => ({ live: { listen: () => () => {} } }));
vi.mock("./chats", () => ({ chatsApi: { one: async () => chat, turn: async () => null } }));

test("a question is not sent before the results of the calls, and is not lost", async () => {
  const asked: { messages: { role: string; content: unknown }[] }[] = [];
  vi.stubGlobal("fetch", async (_: unknown, init: RequestInit) => {
    asked.push(JSON.parse(init.body as string));
    return new Promise(() => {});
  });
  vi.stubGlobal("matchMedia", () => ({ matches: false }));
  const { play } = await import("./state");
  const { default: Composer } = await import("./Composer.vue");
  await play.open(3);
  const root = document.body.appendChild(document.createElement("div"));
  const app = createApp(Composer);
  app.mount(root);
  expect(play.waiting.value.map((call) => call.name)).toEqual(["get_weather"]);
  expect(root.querySelector(".notice")).toBeNull();

  play.draft.value.text = "and tomorrow?";
  await nextTick();
  expect(root.querySelector<HTMLButtonElement>("button[type=submit]")!.disabled).toBe(true);
  expect(root.querySelector(".notice")?.textContent).toContain("Send those first");
  root.querySelector("form")!.dispatchEvent(new Event("submit"));
  play.send();
  await nextTick();
  expect(asked).toEqual([]);
  expect(play.draft.value.text).toBe("and tomorrow?");

  play.draft.value.results.call_1 = "sunny";
  expect(play.next().map((m) => m.role), "as code it is the results that go").toEqual(["user", "assistant", "tool"]);
  play.results([{ role: "tool", tool_call_id: "call_1", content: "sunny" }]);
  await vi.waitFor(() => expect(asked).toHaveLength(1));
  expect(asked[0]!.messages.map((m) => m.role)).toEqual(["user", "assistant", "tool"]);
  expect(play.draft.value.text).toBe("and tomorrow?");
  app.unmount();
});
