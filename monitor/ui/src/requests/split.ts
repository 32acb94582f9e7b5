// How wide the detail beside the list is. The reader drags it; it is remembered and kept within
// what leaves both sides readable.

import { ref } from "vue";

const STORED = "glassway.detail-width";
const LEAST_LIST = 420;
const LEAST_DETAIL = 380;
const chosen = ref(read());

export function useSplit() {
  const clamp = (wanted: number, all: number) => Math.max(LEAST_DETAIL, Math.min(wanted, all - LEAST_LIST));
  return {
    /** Narrower than this, the detail is a page of its own. */
    NEEDS: 960,
    width: (all: number) => Math.round(clamp(chosen.value ?? Math.max(472, all * 0.38), all)),
    drag(width: number, all: number) {
      chosen.value = clamp(width, all);
      try {
        localStorage.setItem(STORED, String(Math.round(chosen.value)));
      } catch {
        // Storage is off: the width lasts until the page is closed.
      }
    },
  };
}

function read(): number | null {
  try {
    const n = Number(localStorage.getItem(STORED));
    return n > 0 ? n : null;
  } catch {
    return null;
  }
}
