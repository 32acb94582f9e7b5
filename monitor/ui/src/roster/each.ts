// One write after another over many rows, a few at a time; what fails does not keep the rest.

import { said } from "./said";

/** At most this many writes at a time. */
const AT_ONCE = 4;

/** Does it to every row. Returns those it was done to, and why not to the others. */
export async function each<T>(rows: readonly T[], nameOf: (row: T) => string, act: (row: T) => Promise<unknown>, progress: () => void = () => {}) {
  const queue = [...rows];
  const done: T[] = [];
  const failures: string[] = [];
  await Promise.all(
    Array.from({ length: Math.min(AT_ONCE, queue.length) }, async () => {
      for (let row = queue.shift(); row !== undefined; row = queue.shift()) {
        try {
          await act(row);
          done.push(row);
        } catch (cause) {
          failures.push(`${nameOf(row)}: ${said(cause)}`);
        }
        progress();
      }
    }),
  );
  return { done, failures };
}
