// Costly pieces of a page one after another. Between two of them the page has as long to itself as the
// last one took: it is drawn, and scrolls, however many there are.

const waiting = new Set<() => unknown>();
let busy = false;
/** Even a piece that took long does not hold the next one up for longer. */
const MOST_MS = 2_000;

/** Does it once it is its turn; the answer takes it back. */
export function inTurn(act: () => unknown): () => void {
  waiting.add(act);
  if (!busy) {
    busy = true;
    setTimeout(next);
  }
  return () => void waiting.delete(act);
}

async function next() {
  const [act] = waiting;
  if (!act) {
    busy = false;
    return;
  }
  waiting.delete(act);
  const began = performance.now();
  try {
    await act();
  } finally {
    setTimeout(next, Math.min(MOST_MS, performance.now() - began));
  }
}
