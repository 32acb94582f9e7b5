// What a panel shows once it has been read, and why it could not be.

import { onMounted, shallowRef, type ShallowRef } from "vue";
import { Failure } from "../api/client";

/** Reads when the panel is there; `load` reads again, and what was read before stays until then. */
export function useLoaded<T>(ask: () => Promise<T>): { value: ShallowRef<T | null>; failure: ShallowRef<Failure | null>; load: () => Promise<void> } {
  const value = shallowRef<T | null>(null);
  const failure = shallowRef<Failure | null>(null);
  async function load() {
    try {
      value.value = await ask();
      failure.value = null;
    } catch (cause) {
      if (!(cause instanceof Failure)) throw cause;
      failure.value = cause;
    }
  }
  onMounted(load);
  return { value, failure, load };
}
