// The words of one language: the same keys, the same arguments as the English ones.

export type Filled<T> = {
  [K in keyof T]: T[K] extends (...args: infer A) => string ? (...args: A) => string : T[K] extends string ? string : Filled<T[K]>;
};
