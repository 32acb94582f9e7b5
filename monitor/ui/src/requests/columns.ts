// Which columns of the list are hidden; kept in this browser.

import { computed, reactive } from "vue";

export const COLUMNS = ["client", "tokens", "cost", "first", "duration"] as const;
export type Column = (typeof COLUMNS)[number];

const STORED = "glassway.columns.hidden";

export function readHidden(text: string | null): Set<Column> {
  return new Set((text ?? "").split(",").filter((c): c is Column => (COLUMNS as readonly string[]).includes(c)));
}

const stored = () => {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
};

const hidden = reactive(readHidden(stored()));

export const shows = (column: Column) => !hidden.has(column);

export function toggle(column: Column) {
  if (!hidden.delete(column)) hidden.add(column);
  try {
    localStorage.setItem(STORED, [...hidden].join(","));
  } catch {
    // Storage is off: the choice lasts until the page is closed.
  }
}

/** For the list's element: the style sheet takes the columns out. */
export const hiddenClasses = computed(() => [...hidden].map((column) => `no-${column}`));
