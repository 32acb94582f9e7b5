// The request picked to be compared with the next one: kept for the tab, so that one can look for
// the other in peace.

import { ref } from "vue";

const STORED = "glassway.compare";

function stored(): string | null {
  try {
    return sessionStorage.getItem(STORED);
  } catch {
    return null;
  }
}

/** The one that waits for another. */
export const picked = ref<string | null>(stored());

export function pick(id: string | null) {
  picked.value = id;
  try {
    if (id === null) sessionStorage.removeItem(STORED);
    else sessionStorage.setItem(STORED, id);
  } catch {
    // Storage is off: it is kept until the page is loaded again.
  }
}
