// The filter text of the managed lists: `name:value` for a few names, everything else is searched
// as text. The same text is written by typing and by clicking.

export interface Found<N extends string> {
  by: Partial<Record<N, string>>;
  text: string[];
}

const piece = /(?:([a-z_]+):)?(?:"([^"]*)"|(\S+))/giu;

export function read<N extends string>(typed: string, names: readonly N[]): Found<N> {
  const by: Partial<Record<N, string>> = {};
  const text: string[] = [];
  for (const [whole, name, quoted, plain] of typed.matchAll(piece)) {
    const known = names.find((n) => n === name?.toLowerCase());
    const value = quoted ?? plain ?? "";
    if (known) by[known] = value;
    else text.push((name === undefined ? value : whole.replaceAll('"', "")).toLowerCase());
  }
  return { by, text };
}

/** The text with `name` set to a value, or taken out. */
export function write<N extends string>(typed: string, name: N, value: string | null): string {
  const kept = [...typed.matchAll(piece)].filter(([, n]) => n?.toLowerCase() !== name).map(([whole]) => whole);
  if (value !== null) kept.unshift(`${name}:${/[\s"]/.test(value) || value === "" ? `"${value.replaceAll('"', "")}"` : value}`);
  return kept.join(" ");
}

/** Whether every word is somewhere in these fields. */
export function says(words: string[], ...fields: (string | null | undefined)[]): boolean {
  const all = fields.filter((f) => f).join("\n").toLowerCase();
  return words.every((w) => all.includes(w));
}
