// One list of the managed gateway, whole: asked for over HTTP, kept while the session lasts, so that
// a page one comes back to is there at once. Pages never hold rows of their own.

import { ref, shallowRef, type Ref, type ShallowRef } from "vue";
import { Failure } from "../api/client";

export interface Listing<T> {
  /** null until it has been loaded once. */
  readonly items: ShallowRef<readonly T[] | null>;
  readonly failure: ShallowRef<Failure | null>;
  readonly loading: Ref<boolean>;
  load(): Promise<void>;
  /** Puts one row in the place of the same one, or at the end. */
  put(item: T): void;
  drop(item: T): void;
  clear(): void;
}

/** Writes that come one after another ask once. */
const AGAIN_MS = 200;

export function listing<T>(ask: () => Promise<T[]>, idOf: (item: T) => unknown): Listing<T> {
  const items = shallowRef<readonly T[] | null>(null);
  const failure = shallowRef<Failure | null>(null);
  const loading = ref(false);
  /** Answers asked for before a write or a newer question are not taken. */
  let turn = 0;
  let again: ReturnType<typeof setTimeout> | null = null;

  async function load() {
    const mine = ++turn;
    loading.value = true;
    try {
      const answer = await ask();
      if (mine !== turn) return;
      items.value = answer;
      failure.value = null;
    } catch (cause) {
      if (mine !== turn) return;
      failure.value = cause instanceof Failure ? cause : new Failure(0, null, null);
    } finally {
      if (mine === turn) loading.value = false;
    }
  }

  /** A list on its way knows nothing of this write: it is asked for once more. */
  function written() {
    if (!loading.value) return;
    turn++;
    loading.value = false;
    again ??= setTimeout(() => {
      again = null;
      void load();
    }, AGAIN_MS);
  }

  return {
    items, failure, loading, load,
    put(item) {
      written();
      if (items.value === null) return;
      const id = idOf(item);
      const at = items.value.findIndex((i) => idOf(i) === id);
      items.value = at < 0 ? [...items.value, item] : items.value.with(at, item);
    },
    drop(item) {
      written();
      const id = idOf(item);
      if (items.value) items.value = items.value.filter((i) => idOf(i) !== id);
    },
    clear() {
      turn++;
      if (again) clearTimeout(again);
      again = null;
      items.value = null;
      failure.value = null;
      loading.value = false;
    },
  };
}
