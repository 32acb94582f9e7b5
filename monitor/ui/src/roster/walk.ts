// Where one is in a managed list: filter, page, sort and the open entry, all of it in the URL; and
// the keys that move through it.

import { computed, nextTick, watchEffect, type ComputedRef } from "vue";
import { useRoute, useRouter, type LocationQueryRaw } from "vue-router";
import { words as w } from "../i18n";
import { useKey } from "../shell/keyboard";
import type { PageName } from "../shell/pages";
import { useParts } from "../shell/drawing";
import { direction } from "./sort";

export const PAGE = 50;
/** The rows of a page are drawn so many at once: all of them would hold up a phone. */
const ROWS_AT_ONCE = 4;

export function useWalk<T>(name: PageName, title: () => string, rows: ComputedRef<readonly T[] | null>, idOf: (row: T) => string) {
  const route = useRoute();
  const router = useRouter();
  const text = computed(() => (typeof route.query.q === "string" ? route.query.q : ""));
  const sort = computed(() => (typeof route.query.sort === "string" ? route.query.sort : ""));
  const id = computed(() => (route.name === name && typeof route.params.id === "string" && route.params.id ? route.params.id : null));

  /** Whether it is known what there is to show. */
  const known = computed(() => rows.value !== null);
  const total = computed(() => rows.value?.length ?? 0);
  const pages = computed(() => Math.max(1, Math.ceil(total.value / PAGE)));
  const page = computed(() => Math.min(pages.value, Math.max(1, Math.trunc(Number(route.query.page ?? 1)) || 1)));
  const all = 1 + Math.ceil(PAGE / ROWS_AT_ONCE);
  const parts = useParts(all, computed(() => total.value > 0));
  const shown = computed(() => rows.value?.slice((page.value - 1) * PAGE, page.value * PAGE).slice(0, (parts.value - 1) * ROWS_AT_ONCE) ?? []);

  /** Whether all rows of the page are drawn: what is below them would be pushed down before. */
  const whole = computed(() => parts.value === all);

  const to = (entry: string | null, query: LocationQueryRaw = {}) => ({ name, params: entry === null ? {} : { id: entry }, query: { ...route.query, ...query } });
  /** Around the entry; the router works it out once for all rows, and this writes an entry as it would. */
  const around = computed(() => router.resolve(to("ID")).href);
  const encoded = (entry: string) => encodeURI(entry).replace(/[/?#]/g, encodeURIComponent);
  const href = (entry: string | null, query?: LocationQueryRaw) => (entry !== null && !query ? around.value.replace("ID", () => encoded(entry)) : router.resolve(to(entry, query)).href);
  const open = (entry: string | null, query: LocationQueryRaw = {}) => void router.push(to(entry, query));
  const hrefOfText = (q: string) => href(id.value, { q: q || undefined, page: undefined });
  const hrefOfPage = (n: number) => href(id.value, { page: n === 1 ? undefined : n });
  /** A column's heading: by it, then the other way round, then as it was. */
  function hrefOfSort(column: string) {
    const now = direction(sort.value);
    const next = now.column !== column ? column : now.back ? undefined : `-${column}`;
    return href(id.value, { sort: next, page: undefined });
  }

  const element = (entry: string) => document.querySelector<HTMLElement>(`[data-entry="${CSS.escape(entry)}"] .stretch`);
  let last: string | null = null;

  async function step(by: number) {
    const ids = (rows.value ?? []).map(idOf);
    if (!ids.length) return;
    const from = id.value ?? (document.activeElement?.closest("[data-entry]") as HTMLElement | null)?.dataset.entry ?? last;
    const at = from === null ? -1 : ids.indexOf(from);
    const next = ids[at < 0 ? 0 : Math.max(0, Math.min(ids.length - 1, at + by))]!;
    last = next;
    const itsPage = Math.floor(ids.indexOf(next) / PAGE) + 1;
    const query = itsPage === page.value ? {} : { page: itsPage === 1 ? undefined : itsPage };
    if (id.value !== null && id.value !== "new") await router.replace(to(next, query));
    else if (itsPage !== page.value) await router.replace(to(id.value, query));
    await nextTick();
    element(next)?.focus();
  }

  useKey("j", () => void step(1));
  useKey("k", () => void step(-1));
  useKey("Enter", () => {
    if (id.value !== null || last === null || document.activeElement?.closest("a, button, summary")) return false;
    open(last);
    return true;
  });
  useKey("Escape", () => {
    if (id.value === null) return false;
    close();
    return true;
  });

  function close() {
    const was = id.value;
    open(null);
    if (was !== null) void nextTick(() => requestAnimationFrame(() => element(was)?.focus()));
  }

  watchEffect(() => {
    if (route.name === name) document.title = `${title()} | ${w.value.app}`;
  });

  return { text, sort, id, known, total, pages, page, shown, whole, href, open, close, hrefOfText, hrefOfPage, hrefOfSort };
}

export type Walk = ReturnType<typeof useWalk>;
