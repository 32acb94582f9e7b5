// A note being written survives Esc, and what is typed while it is saved.

import { createApp, h, nextTick, ref } from "vue";
import { expect, test } from "vitest";
import NoteBox from "./NoteBox.vue";

test("Esc puts aside and what is typed while saving stays", async () => {
  const note = ref<string | null>(null);
  let answer = () => {};
  const sent: (string | null)[] = [];
  const save = (text: string | null) => {
    sent.push(text);
    return new Promise<void>((go) => (answer = () => {
      note.value = text;
      go();
    }));
  };
  const box = ref<{ write(): void } | null>(null);
  const root = document.body.appendChild(document.createElement("div"));
  const app = createApp({ setup: () => () => h(NoteBox, { ref: box, id: "x", note: note.value, save }) });
  app.mount(root);
  const area = () => root.querySelector("textarea");
  const type = async (text: string) => {
    area()!.value = text;
    area()!.dispatchEvent(new Event("input"));
    await nextTick();
  };
  box.value!.write();
  await nextTick();
  await type("half a thou");
  area()!.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
  await nextTick();
  expect(area()).toBeNull();
  box.value!.write();
  await nextTick();
  expect(area()!.value).toBe("half a thou");

  root.querySelector("form")!.dispatchEvent(new Event("submit"));
  await type("half a thought");
  answer();
  await nextTick();
  await nextTick();
  expect([sent, note.value, area()?.value]).toEqual([["half a thou"], "half a thou", "half a thought"]);

  root.querySelector("form")!.dispatchEvent(new Event("submit"));
  answer();
  await new Promise((go) => setTimeout(go));
  expect([note.value, area()]).toEqual(["half a thought", null]);
  app.unmount();
});
