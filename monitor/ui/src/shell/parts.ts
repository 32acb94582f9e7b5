// A long page drawn in parts, a frame each from the top: none takes long, and the first is there sooner.

import { onMounted, onUnmounted, ref, watch, type Ref } from "vue";

/** How many of so many parts are to be drawn by now; one at first, and until `ready`. */
export function useParts(all: number, ready: Readonly<Ref<boolean>> = ref(true)): Readonly<Ref<number>> {
  const drawn = ref(1);
  let frame = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  // After the frame, not before it: what is drawn so far is seen first.
  const next = () => {
    frame = requestAnimationFrame(() => {
      timer = setTimeout(() => {
        if (++drawn.value < all) next();
      });
    });
  };
  onMounted(() => {
    if (all <= 1) return;
    if (ready.value) return next();
    watch(ready, next, { once: true });
  });
  onUnmounted(() => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  });
  return drawn;
}
