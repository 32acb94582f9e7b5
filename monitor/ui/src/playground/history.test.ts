// A list of conversations that cannot be read further says so, keeps what it has, and tries again
// what had failed.

import { createApp, h, nextTick } from "vue";
import { expect, test, vi } from "vitest";
import { Failure } from "../api/client";
import HistoryPanel from "./HistoryPanel.vue";

const asked: [string, string | null][] = [];
let away = false;
vi.mock("./chats", () => ({
  chatsApi: {
    list: async (q: string, cursor: string | null) => {
      asked.push([q, cursor]);
      if (away) throw new Failure(0, null, null);
      const id = cursor ? 1 : 2;
      return { items: [{ id, title: `talk ${id}`, question: "q", answer: "a fox", model: "m", turns: 1, updated_at: "2026-11-20T12:00:00Z" }], next: cursor ? null : "2", total: 2 };
    },
  },
}));

test("older ones that cannot be read, and a search, say so beside what is there", async () => {
  vi.useFakeTimers();
  const root = document.body.appendChild(document.createElement("div"));
  const app = createApp({ render: () => h(HistoryPanel) });
  app.mount(root);
  const settled = async (ms = 0) => {
    await vi.advanceTimersByTimeAsync(ms);
    await nextTick();
  };
  const alert = () => root.querySelector("[role=alert]");
  await settled();
  away = true;
  [...root.querySelectorAll<HTMLElement>(".pg-list .btn")].at(-1)!.click();
  await settled();
  expect(alert()).not.toBeNull();
  expect(root.querySelectorAll(".pg-list b")).toHaveLength(1);

  away = false;
  alert()!.querySelector("button")!.click();
  await settled();
  expect(asked.at(-1)).toEqual(["", "2"]);
  expect(alert()).toBeNull();
  expect(root.querySelectorAll(".pg-list b")).toHaveLength(2);

  away = true;
  const field = root.querySelector("input")!;
  field.value = "fox";
  field.dispatchEvent(new Event("input"));
  await settled(300);
  expect(asked.at(-1)).toEqual(["fox", null]);
  expect(alert()).not.toBeNull();
  app.unmount();
  root.remove();
  vi.useRealTimers();
});
