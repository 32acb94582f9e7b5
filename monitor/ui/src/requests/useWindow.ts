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

/** Rows drawn anew in one frame; more would cost the frame. A jump fills the view in three or four. */
const NEW_ROWS = 8;
/** And where something else has used the frame up. */
const NEW_ROWS_LATE = 3;
const LATE_MS = 8;
/** Elements that wait to be filled, at most. */
const SPARE = 60;
/** px: out of view. */
const ASIDE = -10_000;
/** Without a scroll, or rows that come faster than they are drawn, for this long it stands still. */
const STILL_MS = 150;

export interface View {
  /** rows, those that are structure included */
  count: Readonly<Ref<number>>;
  /** px */
  rowHeight: Readonly<Ref<number>>;
  /** px of what covers the top of the view */
  above: Readonly<Ref<number>>;
  /** at the top, where rows come and push the others down */
  following: Readonly<Ref<boolean>>;
  /** whose element is its own while it is drawn: it has the focus */
  own: Readonly<Ref<string | null>>;
}

export function useWindow(list: List, { count, rowHeight, above, following, own }: View) {
  const top = ref(0);
  const height = ref(0);
  const span = shallowRef<Span>({ first: 0, from: 0, to: 0, end: 0 });
  watchEffect(() => {
    const next = spanOf(top.value, height.value - above.value, rowHeight.value, count.value);
    const { first, from, to, end } = span.value;
    if (next.first !== first || next.from !== from || next.to !== to || next.end !== end) span.value = next;
  });

  /** While it moves, elements are filled anew where they stand; after it, they stand in order again. */
  const moving = ref(false);
  let still: ReturnType<typeof setTimeout> | undefined;
  onScopeDispose(() => {
    clearTimeout(still);
    cancelAnimationFrame(asked);
  });
  function stir() {
    moving.value = true;
    clearTimeout(still);
    still = setTimeout(() => (moving.value = false), STILL_MS);
  }

  const again = ref(0);
  /** The next frame, where it has rows to draw. */
  let asked = 0;
  /** What has been drawn anew in the present frame, which both a scroll and its own callbacks draw in. */
  let frame = 0;
  let spent = 0;
  /** Rows come faster than they are drawn: the ids that are being drawn, until all of them are. */
  let taken: string[] | null = null;
  const slots = new Slots();
  const items = shallowRef<Item[]>([]);
  let drawn: Item[] = [];
  watchEffect(() => {
    void list.version.value;
    void again.value;
    const all = (following.value && taken) || list.ids();
    const known = (index: number) => index >= all.length || slots.has(all[index]!);
    const began = Number(document.timeline?.currentTime);
    if (began !== frame) spent = 0;
    frame = began;
    const few = performance.now() - began > LATE_MS ? NEW_ROWS_LATE : NEW_ROWS;
    const rows = affordable(span.value, known, few - spent);
    spent += rows.filter((index) => !known(index)).length;
    const wanting = rows.length < span.value.end - span.value.first;
    if (wanting) asked ||= requestAnimationFrame(more);
    taken = wanting && following.value ? all.slice(0, span.value.end) : null;
    const ids = rows.flatMap((index) => all[index] ?? []);
    const { slots: keys, left } = slots.assign(ids, own.value, wanting || moving.value ? SPARE : 0);
    const shown = rows.map((index, n): Item => {
      const id = all[index];
      const x = id === undefined ? undefined : list.get(id);
      return { id, x, key: keys[n] ?? `bone${n - ids.length}`, index, y: index * rowHeight.value };
    });
    const places = new Set(rows);
    for (const item of drawn) {
      if (typeof item.key !== "number" || !left.has(item.key)) continue;
      // What was there stays until something else is drawn in its place.
      const inTheWay = item.index >= span.value.first && item.index < span.value.end && !(following.value && !places.has(item.index));
      shown.push({ ...item, y: inTheWay ? ASIDE : item.index * rowHeight.value });
    }
    drawn = moving.value ? inPlace(shown, drawn) : shown;
    items.value = drawn;
  });
  function more() {
    asked = 0;
    stir();
    again.value++;
  }

  return {
    items: shallowReadonly(items),
    span: readonly(span),
    /** The view begins at `px` now. */
    scrolled(px: number) {
      top.value = px;
      stir();
    },
    /** The view is `px` high. */
    sized(px: number) {
      height.value = px;
    },
    /** Where to scroll so that a row is in view; null where it is. */
    reveal: (index: number) => topFor(index, top.value, height.value - above.value, rowHeight.value),
  };
}
