// Changing the language from the page: says so where its words cannot be had.

import { speak, words, type Language } from "../i18n";
import { say } from "./copy";

export function choose(language: Language) {
  void speak(language).catch(() => say(words.value.errors.network));
}
