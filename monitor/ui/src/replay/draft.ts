// What somebody is about to send: the body as text and where it goes. Kept while the session
// lasts, so that nothing typed is lost by looking elsewhere.

import { computed, ref, shallowRef, watch, type Ref } from "vue";
import type { ExchangeDetail } from "../api/types";
import type { components } from "../api/schema";
import { dialectOf } from "../dialect";
import { readJson } from "../dialect/partial";
import { isObject } from "../dialect/types";
import { keepDraft, keptDraft } from "../roster/form";
import { mendable, needsKey, obstacle } from "./able";
import { lay, wrong } from "./json";

export interface Target {
  /** `` as Glassway routes, `p:ID` a provider, `k:ID` a key */
  where: string;
  /** empty: the request's */
  model: string;
}
interface Kept { text: string | null; targets: Target[]; odd: string | null }

type Input = components["schemas"]["ReplayInput"];

/** Larger bodies are not put into a text field unasked. */
export const LARGE = 512 * 1024;
export const MOST_TARGETS = 16;

export function useDraft(detail: Ref<ExchangeDetail>) {
  const id = `replay/${detail.value.id}`;
  const kept = keptDraft(id) as Kept | undefined;
  const recorded = computed(() => (detail.value.request.body_encoding === "utf8" ? detail.value.request.body : null));
  /** null: the body is no JSON text; it can only go as it is, or be replaced where it was not kept. */
  const start = computed(() => {
    const text = recorded.value;
    if (text === null) return null;
    if (mendable(obstacle(detail.value))) return text;
    return wrong(text) ? null : lay(text);
  });
  const text = ref(kept?.text ?? null);
  /** A temperature as typed that is no number, so that it is not in the text. */
  const odd = ref(kept?.odd ?? null);
  const targets = ref<Target[]>(kept?.targets ?? [{ where: "", model: "" }]);

  const shown = computed(() => text.value ?? start.value ?? "");
  const edited = computed(() => text.value !== null && text.value !== start.value);
  const dialect = computed(() => dialectOf(detail.value.path, readJson(shown.value)?.value));
  const must = computed(() => mendable(obstacle(detail.value)));

  watch([text, targets, odd], () => {
    const touched = edited.value || odd.value !== null || targets.value.length !== 1 || targets.value[0]!.where !== "" || targets.value[0]!.model !== "";
    keepDraft(id, touched ? { text: text.value, targets: targets.value, odd: odd.value } : null);
  }, { deep: true });

  /** What is wrong with what is typed, once somebody has to have it right. */
  const fault = computed(() => {
    if (odd.value !== null) return { kind: "temperature" as const };
    if (!edited.value && !must.value) return null;
    const at = wrong(shown.value);
    if (at) return { kind: "syntax" as const, ...at };
    return isObject(JSON.parse(shown.value)) ? null : { kind: "shape" as const, line: 1, column: 1, message: "" };
  });

  function input(): Input {
    const chosen = targets.value.map(({ where, model }) => {
      const number = Number(where.slice(2));
      return {
        ...(where.startsWith("p:") ? { provider_id: number } : where.startsWith("k:") ? { key_id: number } : {}),
        ...(model.trim() ? { model: model.trim() } : {}),
      };
    });
    const plain = chosen.length === 1 && Object.keys(chosen[0]!).length === 0 && !needsKey(detail.value);
    return { ...(edited.value || must.value ? { body: shown.value } : {}), ...(plain ? {} : { targets: chosen }) } as Input;
  }

  function reset() {
    text.value = null;
    odd.value = null;
  }

  return { text, odd, shown, start, edited, must, targets, dialect, fault, input, reset, opened: shallowRef(kept?.text != null || odd.value !== null) };
}

export type Draft = ReturnType<typeof useDraft>;
