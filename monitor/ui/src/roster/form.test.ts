// What counts as typed, and when it is let go.

import { effectScope, nextTick, ref } from "vue";
import { expect, test } from "vitest";
import { Failure } from "../api/client";
import { speak } from "../i18n";
import { standing, left } from "../session/session";
import { keepDraft, keptDraft, number, Refused, useForm, whole } from "./form";
import "./roster";

test("what a form begins with is no draft, also when it comes late; what is typed is one until it is saved", async () => {
  const only = ref<number[]>([]);
  const scope = effectScope();
  const again = ref<{ groups: number[]; model: string } | null>(null);
  const form = scope.run(() => useForm({
    id: () => "test/new",
    start: () => again.value ?? { groups: only.value, model: "" },
    fields: [],
    save: async (d) => {
      again.value = { ...d };
    },
  }))!;
  only.value = [7];
  await nextTick();
  expect([form.draft.value.groups, keptDraft("test/new")]).toEqual([[7], undefined]);
  form.draft.value.model = "m";
  expect(keptDraft("test/new")).toEqual({ groups: [7], model: "m" });
  expect(await form.submit()).toBe(true);
  await nextTick();
  expect([form.draft.value.model, keptDraft("test/new")]).toEqual(["m", undefined]);
  scope.stop();
});

test("a session that ended by itself takes no draft with it; signing out does", async () => {
  standing.value = "in";
  await nextTick();
  keepDraft("test/note", { text: "half" });
  standing.value = "out";
  await nextTick();
  expect(keptDraft("test/note")).toEqual({ text: "half" });
  left.value++;
  await nextTick();
  expect(keptDraft("test/note")).toBeUndefined();
});

test("a price with a decimal comma is refused with the way to write it; thousands may be grouped", async () => {
  const why = (text: string) => {
    try {
      return number("input_per_million", text);
    } catch (cause) {
      return cause instanceof Refused ? [cause.field, cause.message] : cause;
    }
  };
  expect([number("x", "$1,234.5"), whole("x", "1,234"), number("x", "  ")]).toEqual([1234.5, 1234, null]);
  for (const language of ["en", "zh-CN"] as const) {
    await speak(language);
    expect(why("0,15")).toEqual(["input_per_million", expect.stringContaining("0.15")]);
  }
  await speak("en");
  expect(why("0,15")).toEqual(["input_per_million", "Decimals take a point here: write 0.15. Commas only part thousands."]);
  expect(() => whole("x", "0,5")).toThrow(Refused);
});

test("an error stays with its field until that says something else", async () => {
  const scope = effectScope();
  const form = scope.run(() => useForm({
    id: () => "test/refused",
    start: () => ({ name: "", input: "x", candidates: [{ weight: "a" }, { weight: "b" }] }),
    fields: ["name", "prices.input", "candidates[0].weight", "candidates[1].weight"],
    save: () => Promise.reject(new Failure(400, "no", null, ["name", "prices.input", "candidates[0].weight", "candidates[1].weight"].map((field) => ({ field, message: "is wrong" })))),
  }))!;
  expect(await form.submit()).toBe(false);
  expect(Object.keys(form.errors.value)).toHaveLength(4);
  form.draft.value.input = "1";
  form.draft.value.candidates[1]!.weight = "2";
  expect(Object.keys(form.errors.value)).toEqual(["name", "candidates[0].weight"]);
  // As it was refused, it is wrong again.
  form.draft.value.input = "x";
  expect(Object.keys(form.errors.value)).toEqual(["name", "prices.input", "candidates[0].weight"]);
  form.discard();
  expect(form.errors.value).toEqual({});
  scope.stop();
});
