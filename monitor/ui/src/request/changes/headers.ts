// Two heads compared: names in any case, repeats of a name together.

export interface HeaderChange { kind: "added" | "removed" | "changed"; name: string; before: string | null; after: string | null }

function byName(headers: readonly string[][]): Map<string, string> {
  const all = new Map<string, string>();
  for (const [name = "", value = ""] of headers) {
    const key = name.toLowerCase();
    const has = all.get(key);
    all.set(key, has === undefined ? value : `${has}\n${value}`);
  }
  return all;
}

export function headerChanges(before: readonly string[][], after: readonly string[][]): HeaderChange[] {
  const [a, b] = [byName(before), byName(after)];
  return [...new Set([...a.keys(), ...b.keys()])].flatMap((name): HeaderChange[] => {
    const [was, now] = [a.get(name) ?? null, b.get(name) ?? null];
    if (was === now) return [];
    return [{ kind: was === null ? "added" : now === null ? "removed" : "changed", name, before: was, after: now }];
  });
}
