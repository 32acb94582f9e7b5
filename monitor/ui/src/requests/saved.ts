// Filters that somebody gave a name; kept in this browser and shown in the rail.

import { readonly, ref } from "vue";

export interface Saved {
  name: string;
  /** The filter's text. */
  text: string;
}

const STORED = "glassway.filters";
const MOST = 50;

export function readSaved(json: string | null): Saved[] {
  try {
    const list: unknown = JSON.parse(json ?? "[]");
    if (!Array.isArray(list)) return [];
    return list
      .filter((one): one is Saved => typeof (one as Saved)?.name === "string" && typeof (one as Saved)?.text === "string")
      .map(({ name, text }) => ({ name, text }))
      .slice(0, MOST);
  } catch {
    return [];
  }
}

const list = ref<Saved[]>([]);
try {
  list.value = readSaved(localStorage.getItem(STORED));
  // Another tab saved one.
  addEventListener("storage", (event) => {
    if (event.key === STORED) list.value = readSaved(event.newValue);
  });
} catch {
  // Storage is off: filters last until the page is closed.
}

export const saved = readonly(list);

export function save(name: string, text: string) {
  keep([...list.value.filter((one) => one.name !== name), { name, text }].slice(-MOST));
}

/** Takes it out; what it returns puts it back where it was. */
export function remove(name: string): () => void {
  const at = list.value.findIndex((one) => one.name === name);
  const was = list.value[at];
  keep(list.value.filter((one) => one.name !== name));
  return () => {
    // Saved again meanwhile: the newer one stands.
    if (was && list.value.every((one) => one.name !== name)) keep(list.value.toSpliced(at, 0, was));
  };
}

function keep(next: Saved[]) {
  list.value = next;
  try {
    localStorage.setItem(STORED, JSON.stringify(next));
  } catch {
    // As above.
  }
}
