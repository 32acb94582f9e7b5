// Answers that stay current: asked for when the range changes, when something has ended, and now and
// then because time passes. What was shown stays while a newer answer is on its way or fails.

import { onScopeDispose, ref, shallowRef, watch, type Ref } from "vue";
import { Failure } from "../api/client";
import { running } from "../api/types";
import { live } from "../live/store";
import { enqueue } from "../shell/drawing";

/** A change is committed a moment before or after it is heard of. */
const SETTLE_MS = 400;
/** Without any traffic: rates fall, slots go by. */
const IDLE_MS = 30_000;

export function useFresh<T>(what: Ref<unknown>, ask: (signal: AbortSignal) => Promise<T>, everyMs: () => number) {
  const answer = shallowRef<T | null>(null);
  const failure = shallowRef<Failure | null>(null);
  const loading = ref(false);
  let abort = new AbortController();
  let askedAt = 0;
  let dirty = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function load() {
    clearTimeout(timer);
    timer = undefined;
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    dirty = false;
    askedAt = Date.now();
    loading.value = true;
    try {
      const found = await ask(signal);
      if (signal.aborted) return;
      answer.value = found;
      failure.value = null;
    } catch (cause) {
      if (signal.aborted) return;
      if (!(cause instanceof Failure)) throw cause;
      failure.value = cause;
    } finally {
      if (!signal.aborted) {
        loading.value = false;
        later();
      }
    }
  }

  /** The next question: soon after a change, though never too often, and not for a hidden tab. */
  function later() {
    clearTimeout(timer);
    if (document.hidden) return;
    const wait = dirty ? Math.max(SETTLE_MS, askedAt + everyMs() - Date.now()) : Math.max(0, askedAt + IDLE_MS - Date.now());
    timer = setTimeout(() => void load(), wait);
  }
  const seen = () => {
    if (!loading.value) later();
  };
  document.addEventListener("visibilitychange", seen);

  const leave = live.view({
    shows: () => false,
    // What is being asked was asked before: what ended meanwhile comes with the next question.
    connected() {
      if (loading.value) dirty = true;
      else void load();
    },
    changed(exchanges) {
      if (dirty || exchanges.every(running)) return;
      dirty = true;
      if (!loading.value) later();
    },
  });
  watch(what, () => {
    // Numbers of another range would be wrong under this one's name.
    answer.value = null;
    failure.value = null;
    void load();
  });
  // What is there to be seen comes before the question.
  const callOff = enqueue(() => void load());
  onScopeDispose(() => {
    callOff();
    leave();
    document.removeEventListener("visibilitychange", seen);
    clearTimeout(timer);
    abort.abort();
  });
  return { answer, failure, loading, load };
}
