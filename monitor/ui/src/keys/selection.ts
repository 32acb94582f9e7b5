// The keys that are ticked, and what is done to all of them. Only what the filter still shows
// counts: nothing happens to a key that one does not see.

import { computed, reactive, ref, type ComputedRef } from "vue";
import { keysApi, type Key } from "../api/managed";
import { count } from "../format/numbers";
import { words as w } from "../i18n";
import { keys, providerName } from "../roster/roster";
import { said } from "../roster/said";
import { testKeys, tests } from "./tests";

export type Deed = "activate" | "deactivate" | "test" | "remove";
export interface Outcome { kind: "ok" | "err"; text: string }

/** At most this many writes at a time. */
const AT_ONCE = 4;

export const nameOf = (k: Key) => `${providerName(k.provider_id)}/${k.name || k.masked}`;

async function each(of: readonly Key[], act: (k: Key) => Promise<unknown>, progress: () => void): Promise<string[]> {
  const queue = [...of];
  const failures: string[] = [];
  await Promise.all(
    Array.from({ length: Math.min(AT_ONCE, queue.length) }, async () => {
      for (let k = queue.shift(); k; k = queue.shift()) {
        await act(k).catch((cause: unknown) => failures.push(`${nameOf(k!)}: ${said(cause)}`));
        progress();
      }
    }),
  );
  return failures;
}

export function useSelection(rows: ComputedRef<readonly Key[] | null>) {
  const ticked = reactive(new Set<number>());
  /** From where a range is drawn. */
  let last: number | null = null;
  const chosen = computed(() => (rows.value ?? []).filter((k) => ticked.has(k.id)));
  const all = computed(() => chosen.value.length > 0 && chosen.value.length === rows.value?.length);
  const doing = ref<{ deed: Deed; done: number; total: number } | null>(null);

  function tick(k: Key, range: boolean) {
    const ids = (rows.value ?? []).map((r) => r.id);
    const [from, to] = [last === null ? -1 : ids.indexOf(last), ids.indexOf(k.id)].sort((a, b) => a - b) as [number, number];
    const on = !ticked.has(k.id);
    for (const id of range && from >= 0 ? ids.slice(from, to + 1) : [k.id]) {
      if (on) ticked.add(id);
      else ticked.delete(id);
    }
    last = k.id;
  }
  function tickAll() {
    const on = !all.value;
    ticked.clear();
    if (on) rows.value?.forEach((k) => ticked.add(k.id));
  }
  const clear = () => ticked.clear();

  /** Does it to every chosen key; what failed stays ticked, with the reason. */
  async function act(deed: Deed): Promise<Outcome> {
    const of = chosen.value;
    const words = w.value.pool.selection;
    doing.value = { deed, done: 0, total: of.length };
    const progress = () => doing.value && doing.value.done++;
    try {
      if (deed === "test") {
        const fine = await testKeys(of.map((k) => k.id), progress);
        return { kind: fine === of.length ? "ok" : "err", text: w.value.paste.tested(count(fine), count(of.length)) };
      }
      const failures = await each(of, async (k) => {
        if (deed === "remove") {
          await keysApi.remove(k.id);
          keys.drop(k);
        } else {
          tests.delete(k.id);
          keys.put(await keysApi.turn(k.id, deed === "activate" ? "active" : "inactive"));
        }
        ticked.delete(k.id);
      }, progress);
      const done = words.done[deed](of.length - failures.length);
      return failures.length ? { kind: "err", text: [done, ...failures].join("\n") } : { kind: "ok", text: done };
    } finally {
      doing.value = null;
    }
  }

  return { ticked, chosen, all, doing, tick, tickAll, clear, act };
}

export type Selection = ReturnType<typeof useSelection>;
