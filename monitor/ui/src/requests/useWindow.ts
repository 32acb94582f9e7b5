// What of a long list is drawn, frame by frame: the rows in view and a few beyond, each with the
// element that draws it.

import { onScopeDispose, readonly, ref, shallowReadonly, shallowRef, watchEffect, type Ref } from "vue";
import type { Exchange } from "../api/types";
import type { List } from "./list";
import { affordable, inPlace, Slots, spanOf, topFor, type Span } from "./window";

export interface Item {
  /** none: structure, beyond the last row */
  id: string | undefined;
  x: Exchange | undefined;
  /** of the element */
  key: string | number;
  index: number;
  /** px from the top of the first row */
  y: number;
}

/** Rows drawn anew in one frame, those in view aside: more would cost the frame. */
const NEW_ROWS = 8;
/** Without a scroll for this long it stands still. */
const STILL_MS = 150;

export interface View {
  /** rows, those that are structure included */
  count: Readonly<Ref<number>>;
  /** px */
  rowHeight: Readonly<Ref<number>>;
  /** px of what covers the top of the view */
  above: Readonly<Ref<number>>;
  /** draw all at once */
  hurry: Readonly<Ref<boolean>>;
  /** whose element is its own while it is drawn: it has the focus */
  own: Readonly<Ref<string | null>>;
}

export function useWindow(list: List, { count, rowHeight, above, hurry, own }: View) {
  const top = ref(0);
  const height = ref(0);
  const span = shallowRef<Span>({ first: 0, from: 0, to: 0, end: 0 });
  watchEffect(() => {
    const next = spanOf(top.value, height.value - above.value, rowHeight.value, count.value);
    const { first, from, to, end } = span.value;
    if (next.first !== first || next.from !== from || next.to !== to || next.end !== end) span.value = next;
  });

  /** While it scrolls, elements are filled anew where they stand; after it, they stand in order again. */
  const scrolling = ref(false);
  let still: ReturnType<typeof setTimeout> | undefined;
  onScopeDispose(() => clearTimeout(still));

  const again = ref(0);
  const slots = new Slots();
  const items = shallowRef<Item[]>([]);
  let drawn: Item[] = [];
  watchEffect(() => {
    void list.version.value;
    void again.value;
    const all = list.ids();
    const known = (index: number) => index >= all.length || slots.has(all[index]!);
    const { first, end } = affordable(span.value, known, hurry.value ? Infinity : NEW_ROWS);
    if (end - first < span.value.end - span.value.first) requestAnimationFrame(() => again.value++);
    const ids = all.slice(first, end);
    const keys = slots.assign(ids, own.value);
    const shown = Array.from({ length: end - first }, (_, n): Item => {
      const id = ids[n];
      const x = id === undefined ? undefined : list.get(id);
      return { id, x, key: keys[n] ?? `bone${n - ids.length}`, index: first + n, y: (first + n) * rowHeight.value };
    });
    drawn = scrolling.value ? inPlace(shown, drawn) : shown;
    items.value = drawn;
  });

  return {
    items: shallowReadonly(items),
    span: readonly(span),
    /** The view begins at `px` now. */
    scrolled(px: number) {
      top.value = px;
      scrolling.value = true;
      clearTimeout(still);
      still = setTimeout(() => (scrolling.value = false), STILL_MS);
    },
    /** The view is `px` high. */
    sized(px: number) {
      height.value = px;
    },
    /** Where to scroll so that a row is in view; null where it is. */
    reveal: (index: number) => topFor(index, top.value, height.value - above.value, rowHeight.value),
  };
}
