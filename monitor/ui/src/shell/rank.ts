// Which of many names is meant by a few typed letters: best first.

export interface Named {
  label: string;
  /** Further words it is known by. */
  also?: string;
}

/** Higher is better; 0 is no match. A word's beginning beats its middle, letters in order come last. */
export function score(typed: string, { label, also }: Named): number {
  const text = label.toLowerCase();
  const want = typed.trim().toLowerCase();
  if (!want) return 1;
  const words = want.split(/\s+/);
  const all = `${text} ${also?.toLowerCase() ?? ""}`;
  if (text.startsWith(want)) return 5;
  if (words.every((word) => new RegExp(`(^|[^\\p{L}\\p{N}])${word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`, "u").test(all))) return 4;
  if (words.every((word) => all.includes(word))) return 3;
  let at = 0;
  for (const letter of want.replace(/\s/g, "")) {
    at = text.indexOf(letter, at) + 1;
    if (at === 0) return 0;
  }
  return want.length > 2 ? 1 : 0;
}

/** The matches, best first, otherwise in their order; at most `most`. */
export function rank<T extends Named>(typed: string, items: T[], most: number): T[] {
  return items
    .map((item, order) => ({ item, order, score: score(typed, item) }))
    .filter((one) => one.score > 0)
    .sort((a, b) => b.score - a.score || a.order - b.order)
    .slice(0, most)
    .map((one) => one.item);
}
