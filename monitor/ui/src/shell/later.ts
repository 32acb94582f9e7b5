// What is loaded when it is first wanted.

/** Loads once; a failure may be tried again. */
export function later<T>(load: () => Promise<T>): () => Promise<T> {
  let coming: Promise<T> | undefined;
  return () =>
    (coming ??= load().catch((cause: unknown) => {
      coming = undefined;
      throw cause;
    }));
}
