// A choice that this browser keeps.

import { ref, watch } from "vue";

export function useKept(name: string) {
  const on = ref(false);
  try {
    on.value = localStorage.getItem(name) === "1";
  } catch {
    // Storage is off: the choice lasts until the page is closed.
  }
  watch(on, (now) => {
    try {
      localStorage.setItem(name, now ? "1" : "");
    } catch {
      // As above.
    }
  });
  return on;
}
