// Sorting of the managed lists: a column's name in the URL, `-` before it for the other way round.

export type Order<T> = (a: T, b: T) => number;

const collator = new Intl.Collator("zh-CN", { numeric: true, sensitivity: "base" });

/** By name as people read it: key-2 before key-10. */
export const named = collator.compare;

/** Larger first; what is unknown last. */
export function most(a: number | null | undefined, b: number | null | undefined): number {
  return (b ?? -Infinity) === (a ?? -Infinity) ? 0 : (b ?? -Infinity) > (a ?? -Infinity) ? 1 : -1;
}

/** Sorted by the first order that tells two apart; a copy. */
export function sorted<T>(items: readonly T[], ...orders: Order<T>[]): T[] {
  return [...items].sort((a, b) => {
    for (const order of orders) {
      const by = order(a, b);
      if (by) return by;
    }
    return 0;
  });
}

/** By the column asked for, else as usual; ties by `tie`. */
export function ordered<T>(items: readonly T[], sort: string, orders: Record<string, Order<T>>, usual: Order<T>, tie: Order<T>): T[] {
  const { column, back } = direction(sort);
  const order = Object.hasOwn(orders, column) ? orders[column]! : usual;
  return sorted(items, back ? (a, b) => order(b, a) : order, tie);
}

/** `uses`, or `-uses` the other way round. */
export function direction(sort: string): { column: string; back: boolean } {
  return sort.startsWith("-") ? { column: sort.slice(1), back: true } : { column: sort, back: false };
}
