// What the list grouped by conversation keeps when its newest page is read again: what was paged in
// stays below it, but never with a gap between them, and never without end; and what moves of its
// turns meanwhile. Pure.

/** What is looked at here of a conversation. */
export interface Known {
  /** Its first turn's id: which conversation it is. */
  first: string;
  /** Its newest turn: where it stands in the list, and the cursor to what is older. */
  newest: { id: string };
}

/** `next`: where older ones begin; undefined: where they began before. */
export interface Kept<T> {
  found: T[];
  next: string | null | undefined;
}

/** `known` with the newest page on top, at most `most` of them. */
export function refreshed<T extends Known>(known: readonly T[], page: { items: T[]; next?: string | null | undefined }, most: number): Kept<T> {
  const next = page.next ?? null;
  // One that stands where it stood shows that nothing lies between the page and what is known.
  const newest = new Map(known.map((one) => [one.first, one.newest.id]));
  const joined = page.items.some((one) => newest.get(one.first) === one.newest.id);
  if (!joined || next === null) return { found: page.items, next };
  const onPage = new Set(page.items.map((one) => one.first));
  const found = [...page.items, ...known.filter((one) => !onPage.has(one.first))];
  if (found.length <= most) return { found, next: undefined };
  found.length = most;
  return { found, next: found.at(-1)!.newest.id };
}

/** The turns with what has just been heard of any of them; null where it is of others. */
export function moved<T extends { id: string }>(turns: readonly T[], heard: readonly T[]): T[] | null {
  const by = new Map(heard.map((x) => [x.id, x]));
  return turns.some((x) => by.has(x.id)) ? turns.map((x) => by.get(x.id) ?? x) : null;
}
