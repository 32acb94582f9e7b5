// A temperature that is no number holds the button, wherever the editor is.

import { createApp, h, nextTick } from "vue";
import { expect, test, vi } from "vitest";
import type { ExchangeDetail } from "../api/types";
import { keptDraft } from "../roster/form";
import Composer from "./Composer.vue";

const sent = vi.fn<(path: string, with_: { body: { body?: string } }) => Promise<unknown>>();
vi.mock("../api/client", async (original) => ({ ...(await original<object>()), api: { POST: (...args: Parameters<typeof sent>) => sent(...args), GET: () => new Promise(() => {}) }, got: (answer: unknown) => answer }));
vi.mock("./Targets.vue", () => ({ default: { render: () => null } }));

const body = '{"model":"gpt-4o","temperature":0.5,"messages":[]}';
const detail = { id: "x1", path: "/v1/chat/completions", outcome: "ok", mode: "managed", messages: [], request: { body, body_encoding: "utf8", truncated: false, shed: false, headers: [] } } as unknown as ExchangeDetail;

test("a temperature that is no number is not sent, and stays as typed while the editor is folded", async () => {
  sent.mockResolvedValue({ ids: ["x2"] });
  const root = document.body.appendChild(document.createElement("div"));
  const app = createApp({ setup: () => () => h(Composer, { detail }) });
  app.mount(root);
  const button = () => root.querySelector<HTMLButtonElement>("button[type=submit]")!;
  const field = () => root.querySelector<HTMLInputElement>('input[inputmode="decimal"]');
  const fold = async () => {
    root.querySelector<HTMLButtonElement>("button.fold")!.click();
    await nextTick();
  };
  const type = async (text: string) => {
    field()!.value = text;
    field()!.dispatchEvent(new Event("input"));
    await nextTick();
  };
  const submit = async () => {
    root.querySelector("form")!.dispatchEvent(new Event("submit"));
    await nextTick();
  };

  await fold();
  expect([field()!.value, button().disabled]).toEqual(["0.5", false]);
  await type("abc");
  expect([button().disabled, root.querySelector(".problem")?.textContent]).toEqual([true, "A number, such as 0.7"]);
  await submit();
  await fold();
  expect([field(), button().disabled]).toEqual([null, true]);
  expect(root.querySelector(".send .err")?.textContent).toBe("Temperature: A number, such as 0.7");
  await submit();
  await fold();
  expect(field()!.value).toBe("abc");
  expect(keptDraft("replay/x1")).toMatchObject({ odd: "abc" });
  expect(sent).not.toHaveBeenCalled();

  await type("1.5");
  expect([button().disabled, root.querySelector(".problem")]).toEqual([false, null]);
  await submit();
  expect(JSON.parse(sent.mock.calls[0]![1].body.body!)).toMatchObject({ temperature: 1.5 });

  // Another one written into the text mends it as well.
  await type("hot");
  const area = root.querySelector("textarea.body") as HTMLTextAreaElement;
  area.value = area.value.replace("1.5", "0.9");
  area.dispatchEvent(new Event("input"));
  await nextTick();
  expect([field()!.value, button().disabled]).toEqual(["0.9", false]);
  app.unmount();
});
