// Conversations grouped: what happened in a hidden tab is read once it is seen, a turn that runs
// grows as it does, and one that was converted says so.

import { createApp, h, nextTick, type App } from "vue";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Exchange } from "../api/types";
import type { Viewer } from "../live/store";
import { providers } from "../roster/roster";
import Conversations from "./Conversations.vue";

const turn = (over: object) => ({ id: "t1", outcome: "in_flight", started_at: "2026-11-20T12:00:00Z", mode: "managed", method: "POST", path: "/v1/messages", provider: "openai", model: "gpt-5.2", status: 200, ...over }) as Exchange;
const talk = (over: object) => ({ first: "t1", newest: turn({}), started_at: "2026-11-20T12:00:00Z", turns: 1, failed: 0, prompt_tokens: 1, completion_tokens: 1, cost_usd: 0, ...over });

let viewer: Viewer;
let talks: object[];
const asked: string[] = [];

vi.mock("../api/client", async (original) => ({
  ...(await original<object>()),
  api: {
    GET: async (path: string) => {
      asked.push(path);
      const items = path === "/api/conversations" ? talks : path === "/api/requests" ? [turn({})] : [];
      return { data: { items, next: null, total: null }, response: new Response("{}") };
    },
  },
}));
vi.mock("../live/store", () => ({
  live: { view: (of: Viewer) => ((viewer = of), () => {}), listen: () => () => {}, gatewayTime: (now: number) => now, counters: {}, get: () => undefined },
}));

let app: App;
let root: HTMLElement;
let hidden = false;
const settled = async () => {
  await vi.advanceTimersByTimeAsync(0);
  await nextTick();
};

beforeEach(async () => {
  vi.useFakeTimers();
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
  talks = [talk({})];
  providers.items.value = [{ id: 1, name: "openai", kind: "openai" }] as never;
  root = document.body.appendChild(document.createElement("div"));
  app = createApp({ render: () => h(Conversations, { text: "", selected: null, hrefOf: (id: string) => `#${id}` }) });
  app.mount(root);
  await settled();
});
afterEach(() => {
  app.unmount();
  root.remove();
  hidden = false;
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("what happened while the tab was hidden is there when it is seen again", async () => {
  hidden = true;
  viewer.changed([turn({ id: "t2" })]);
  asked.length = 0;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toEqual([]);
  talks = [talk({ first: "t2" }), talk({})];
  hidden = false;
  document.dispatchEvent(new Event("visibilitychange"));
  await settled();
  expect(root.querySelectorAll("[data-talk]")).toHaveLength(2);
});

test("a turn of an open one grows as it runs, and shows that it was converted", async () => {
  root.querySelector<HTMLElement>("[data-talk]")!.click();
  await settled();
  expect(root.querySelector("[data-id=t1] .tag")!.textContent).toContain("anthropic → openai");
  viewer.changed([turn({ live: { text_tail: "It is a long", tokens: 4 } })]);
  await nextTick();
  expect(root.querySelector("[data-id=t1]")!.textContent).toContain("It is a long");
});
