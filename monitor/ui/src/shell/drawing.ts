// Drawing piece by piece. What a page is made of is drawn one after the other, and the browser may answer
// in between: a phone takes several times as long for each as the machine on which it was written.
// One queue for the whole window, so that two parts never come in one go because they belong to two
// pieces of the page.

import { computed, nextTick, onMounted, onUnmounted, readonly, ref, watch, type Ref } from "vue";

/** Pieces share a task that began so recently: a fast machine draws a page in one or two of them. */
const ONE_TASK_MS = 3;

const waiting: (() => void)[] = [];
let going = false;

async function go() {
  const began = performance.now();
  do {
    try {
      waiting.shift()?.();
      // Until what it changed is drawn.
      await nextTick();
    } catch (cause) {
      // One that fails is heard of, and keeps no other from being drawn.
      setTimeout(() => {
        throw cause;
      });
    }
  } while (waiting.length && performance.now() - began < ONE_TASK_MS);
  if (waiting.length) setTimeout(go);
  else going = false;
}

/** Lets the browser do what it has to do: a phone takes long for what follows. */
export const breath = () => new Promise<void>((resume) => setTimeout(resume));

/** Does `act` when it is due: after what waits already, in a task of its own unless those before it took next to no time; gives what calls it off. */
export function enqueue(act: () => void): () => void {
  waiting.push(act);
  if (!going) {
    going = true;
    // After the frame, not before it: what is drawn so far is seen first. A hidden page has no frames.
    if (document.hidden) setTimeout(go);
    else requestAnimationFrame(() => setTimeout(go));
  }
  return () => {
    const at = waiting.indexOf(act);
    if (at >= 0) waiting.splice(at, 1);
  };
}

/** Whether what asks for this is due: it waits from when it is mounted and `ready`. */
export function useDue(ready: Readonly<Ref<boolean>> = ref(true)): Readonly<Ref<boolean>> {
  const parts = useParts(2, ready);
  return computed(() => parts.value > 1);
}

/** What has come, once there is something and it is due; null until then, and at once from then on. */
export function useHeld<T>(source: () => T | null): Readonly<Ref<T | null>> {
  const come = useDue(computed(() => source() !== null));
  return computed(() => (come.value ? source() : null));
}

/** How many of so many parts are to be drawn by now; one at first, and until `ready`. Each waits for its own. */
export function useParts(all: number, ready: Readonly<Ref<boolean>> = ref(true)): Readonly<Ref<number>> {
  const drawn = ref(1);
  let callOff = () => {};
  const next = () => {
    callOff = enqueue(() => {
      if (++drawn.value < all) next();
    });
  };
  onMounted(() => {
    if (all <= 1) return;
    if (ready.value) return next();
    watch(ready, next, { once: true });
  });
  onUnmounted(() => callOff());
  return readonly(drawn);
}
