// One clock for everything that grows while it is looked at. Ticks only while somebody watches,
// ten times a second at most, and not in a hidden tab.

import { onScopeDispose, readonly, shallowRef } from "vue";

const fast = shallowRef(Date.now());
const second = shallowRef(Date.now());
const slow = shallowRef(Date.now());
let fastUsers = 0;
let secondUsers = 0;
let slowUsers = 0;
let timer: ReturnType<typeof setInterval> | null = null;
let beat = 0;

function run() {
  const wanted = fastUsers + secondUsers + slowUsers > 0;
  if (wanted && timer === null) {
    fast.value = second.value = slow.value = Date.now();
    timer = setInterval(() => {
      if (document.hidden) return;
      if (fastUsers) fast.value = Date.now();
      if (secondUsers && beat % 10 === 0) second.value = Date.now();
      if (slowUsers && beat % 50 === 0) slow.value = Date.now();
      beat++;
    }, 100);
  } else if (!wanted && timer !== null) {
    clearInterval(timer);
    timer = null;
  }
}

/** Now, ten times a second: for running exchanges. */
export function useFastClock() {
  fastUsers++;
  run();
  onScopeDispose(() => {
    fastUsers--;
    run();
  });
  return readonly(fast);
}

/** Now, every second: for countdowns. */
export function useSecondClock() {
  secondUsers++;
  run();
  onScopeDispose(() => {
    secondUsers--;
    run();
  });
  return readonly(second);
}

/** Now, every five seconds: for relative times. */
export function useSlowClock() {
  slowUsers++;
  run();
  onScopeDispose(() => {
    slowUsers--;
    run();
  });
  return readonly(slow);
}
