// The rows of a managed list that are ticked, and what is done to all of them. Only what the filter
// still shows counts: nothing happens to a row that one does not see.

import { computed, reactive, ref, type ComputedRef } from "vue";
import type { Deed } from "./deed";
import { each } from "./each";

export interface Chosen<T> {
  rows: ComputedRef<readonly T[] | null>;
  idOf(row: T): string | number;
  nameOf(row: T): string;
  deeds: readonly Deed<T>[];
}

export function useSelection<T>({ rows, idOf, nameOf, deeds }: Chosen<T>) {
  const ticked = reactive(new Set<string | number>());
  /** From where a range is drawn. */
  let last: string | number | null = null;
  const chosen = computed(() => (rows.value ?? []).filter((row) => ticked.has(idOf(row))));
  const all = computed(() => chosen.value.length > 0 && chosen.value.length === rows.value?.length);
  const doing = ref<{ name: Deed<T>["name"]; done: number; total: number } | null>(null);

  const has = (row: T) => ticked.has(idOf(row));
  function tick(row: T, range: boolean) {
    const ids = (rows.value ?? []).map(idOf);
    const id = idOf(row);
    const [from, to] = [last === null ? -1 : ids.indexOf(last), ids.indexOf(id)].sort((a, b) => a - b) as [number, number];
    const on = !ticked.has(id);
    for (const one of range && from >= 0 ? ids.slice(from, to + 1) : [id]) {
      if (on) ticked.add(one);
      else ticked.delete(one);
    }
    last = id;
  }
  function tickAll() {
    const on = !all.value;
    ticked.clear();
    if (on) rows.value?.forEach((row) => ticked.add(idOf(row)));
  }

  /** The ticked rows that it would change. */
  const fitting = (deed: Deed<T>) => chosen.value.filter((row) => !deed.fits || deed.fits(row));

  /** Does it to every chosen row that it changes; what failed stays ticked. */
  async function act(deed: Deed<T>) {
    const of = fitting(deed);
    doing.value = { name: deed.name, done: 0, total: of.length };
    const progress = () => doing.value && doing.value.done++;
    try {
      if (deed.report) return { ...(await deed.report(of, progress)), back: null, done: of.length, failures: [] };
      const { done, failures } = await each(of, nameOf, async (row) => {
        await deed.act(row);
        ticked.delete(idOf(row));
      }, progress);
      if (!failures.length) ticked.clear();
      const back = deed.back && done.length ? () => deed.back!(done) : null;
      return { kind: failures.length ? ("err" as const) : ("ok" as const), text: null, back, done: done.length, failures };
    } finally {
      doing.value = null;
    }
  }

  return { ticked, chosen, all, doing, has, tick, tickAll, clear: () => ticked.clear(), fitting, act, nameOf, deeds };
}

export type Selection<T> = ReturnType<typeof useSelection<T>>;
