// The language in use and its words. A few lines instead of a library: words are typed values, so
// a missing key, a wrong argument or a forgotten language does not compile.

import { computed, readonly, ref, shallowReactive } from "vue";
import type { Words } from "./en";

export type Language = "zh-CN" | "en";

const STORED = "glassway.language";
/** Those that have come: who reads one language does not wait for the other. */
const known = shallowReactive<Partial<Record<Language, Words>>>({});

/** Brings a language's words. */
export async function learn(which: Language): Promise<void> {
  known[which] ??= which === "en" ? (await import("./en")).en : (await import("./zh")).zh;
}

export function preferred(stored: string | null, browser: string): Language {
  if (stored === "zh-CN" || stored === "en") return stored;
  return /^zh/i.test(browser) ? "zh-CN" : "en";
}

const current = ref<Language>(preferred(read(), navigator.language));
// Modules that say something wait here, so that there are always words.
await learn(current.value);

/** The language in use. */
export const language = readonly(current);

/** The words of the language in use: `words.value.requests.title`, in a template `w.requests.title`. */
export const words = computed(() => known[current.value]!);

/** A page's own words, which load with it: `i18n/pages/<page>.ts` exports `en` and `zh`. */
export function pageWords<T>(of: { en: T; zh: T }) {
  return computed(() => (current.value === "en" ? of.en : of.zh));
}

/** Changes to it, at once where its words are there. Where they cannot be had all stays as it is. */
export async function speak(next: Language): Promise<void> {
  if (!known[next]) await learn(next);
  current.value = next;
  document.documentElement.lang = next;
  try {
    localStorage.setItem(STORED, next);
  } catch {
    // Storage is off: the choice lasts until the page is closed.
  }
}

function read() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}
