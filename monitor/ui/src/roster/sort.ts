// Sorting of the managed lists: a column's name in the URL, `-` before it for the other way round.

export type Order<T> = (a: T, b: T) => number;

let collator: Intl.Collator | undefined;
/** Made when a name asks for it: the first use of `Intl` keeps a browser busy for 15 to 40 ms. */
const collated = (a: string, b: string) => (collator ??= new Intl.Collator("zh-CN", { numeric: true, sensitivity: "base" })).compare(a, b);

const digit = (c: number) => c >= 48 && c <= 57;
const folded = (c: number) => (c >= 65 && c <= 90 ? c + 32 : c);

/** By name as people read it: key-2 before key-10, whatever the case, Chinese by its sound. */
export function named(a: string, b: string): number {
  // Neighbours in a long list mostly begin alike; a number they share the beginning of counts whole.
  let i = 0;
  while (i < a.length && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  while (digit(a.charCodeAt(i - 1))) i--;
  let j = i;
  while (i < a.length && j < b.length) {
    const c = folded(a.charCodeAt(i));
    const d = folded(b.charCodeAt(j));
    if (digit(c) && digit(d)) {
      const [x, y] = [digits(a, i), digits(b, j)];
      if (x.value.length !== y.value.length) return x.value.length - y.value.length;
      if (x.value !== y.value) return x.value < y.value ? -1 : 1;
      [i, j] = [x.end, y.end];
      continue;
    }
    if (c !== d) {
      // What needs a language's rules comes after what does not.
      if (c > 127 && d > 127) return collated(a.slice(i), b.slice(j));
      return c - d;
    }
    i++;
    j++;
  }
  return a.length - i - (b.length - j);
}

/** The number that begins there, without the zeros before it. */
function digits(text: string, from: number): { value: string; end: number } {
  let end = from;
  while (digit(text.charCodeAt(end))) end++;
  let first = from;
  while (first < end - 1 && text.charCodeAt(first) === 48) first++;
  return { value: text.slice(first, end), end };
}

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
