// What a test of one thing found, and how many are tested: a few at a time, since they are real
// requests.

import { Failure } from "../api/client";
import { words } from "../i18n";

export interface Found { ok: boolean; latencyMs: number | null; models: number | null; error: string | null; request?: string | null }
export type Tested = Found | "running";

/** At most this many at a time. */
const AT_ONCE = 3;

/** Tests many; tells how far it has come. Returns how many work. */
export async function several<T>(of: readonly T[], test: (one: T) => Promise<boolean>, progress: (done: number) => void): Promise<number> {
  const queue = [...of];
  let done = 0;
  let fine = 0;
  await Promise.all(
    Array.from({ length: Math.min(AT_ONCE, queue.length) }, async () => {
      for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
        if (await test(one)) fine++;
        progress(++done);
      }
    }),
  );
  return fine;
}

/** A test that could not be made. */
export function notMade(cause: unknown): Found {
  if (!(cause instanceof Failure)) throw cause;
  const error = cause.status === 0 ? words.value.errors.network : (cause.detail ?? words.value.errors.http(cause.status));
  return { ok: false, latencyMs: null, models: null, error };
}
