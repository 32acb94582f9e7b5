// Which rows of a long list are drawn, and by which elements. All rows are equally high, so where
// one stands is a multiplication; nothing is kept per row that is not drawn.

/** Rows `first..end` are drawn, `from..to` of them are in view; `end` and `to` are the row after. */
export interface Span {
  first: number;
  from: number;
  to: number;
  end: number;
}

/** Rows beyond the view that are drawn too, so that a slow scroll never shows a gap. */
const BEYOND = 12;

/** `top` and `height` in px of what is in view, of `count` rows of `row` px each. */
export function spanOf(top: number, height: number, row: number, count: number): Span {
  // Hidden, as behind an open request on a phone: nothing is drawn.
  if (height <= 0) return { first: 0, from: 0, to: 0, end: 0 };
  const within = (n: number) => Math.max(0, Math.min(count, n));
  const from = within(Math.floor(top / row));
  const to = within(Math.ceil((top + height) / row));
  return { first: within(from - BEYOND), from, to, end: within(to + BEYOND) };
}

/**
 * Which rows of a span one frame draws, in order: all that are drawn already, and `few` new ones, first
 * in view from its top down, then below it, then above. The others wait for the next frame.
 */
export function affordable({ first, from, end }: Span, drawn: (index: number) => boolean, few: number): number[] {
  const rows: number[] = [];
  let left = few;
  const add = (index: number) => {
    if (drawn(index) || left-- > 0) rows.push(index);
  };
  for (let index = from; index < end; index++) add(index);
  for (let index = from - 1; index >= first; index--) add(index);
  return rows.sort((a, b) => a - b);
}

/** How far to scroll so that row `index` is in view; null where it is already. */
export function topFor(index: number, top: number, height: number, row: number): number | null {
  if (index * row < top) return index * row;
  if ((index + 1) * row > top + height) return (index + 1) * row - height;
  return null;
}

/**
 * Elements for rows: a row keeps its element while it is drawn, and one that leaves hands its element
 * on. Filling one anew costs a fraction of making it, and leaves no garbage.
 */
export class Slots {
  private taken = new Map<string, number>();
  private made = 0;

  has(id: string) {
    return this.taken.has(id);
  }

  /**
   * The element of each id, in order; that of `own` is never handed on: it has the focus. Also which
   * elements are left as they are, `spare` at most: rows are to come that need them.
   */
  assign(ids: string[], own: string | null, spare: number): { slots: number[]; left: Set<number> } {
    const wanted = new Set(ids);
    const others = [...this.taken].filter(([id]) => !wanted.has(id));
    // In the order they stand on the page: then a jump moves none of them.
    const free = others.filter(([id]) => id !== own).reverse();
    const taken = new Map<string, number>();
    for (const id of ids) taken.set(id, this.taken.get(id) ?? free.pop()?.[1] ?? this.made++);
    const slots = [...taken.values()];
    const handedOn = new Set(slots);
    const left = others.filter(([, slot]) => !handedOn.has(slot)).slice(0, spare);
    for (const [id, slot] of left) taken.set(id, slot);
    this.taken = taken;
    return { slots, left: new Set(left.map(([, slot]) => slot)) };
  }
}

/** What is drawn next, in the order in which its elements stand; new ones come last. */
export function inPlace<T extends { key: string | number }>(next: T[], drawn: readonly T[]): T[] {
  const places = new Map(drawn.map(({ key }, place) => [key, place]));
  const place = ({ key }: T) => places.get(key) ?? Infinity;
  return next.toSorted((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
}
