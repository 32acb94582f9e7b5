// What a record's warnings say of what was never to be seen, in words.

import { en, zh } from "../i18n/pages/discretion";
import { language } from "../i18n";

/** The sentence for one warning; `null` where it is about something else. */
export function discreet(warning: string): string | null {
  const words = language.value === "en" ? en : zh;
  if (warning === "metadata_only" || warning === "bodies_withheld") return words[warning];
  const n = /^redacted (\d+)$/.exec(warning)?.[1];
  return n ? words.redacted(n, n === "1") : null;
}

/** Why bodies are not here, where that is meant. */
export const withheld = (warnings: readonly string[]): string | null =>
  discreet(warnings.find((w) => w === "metadata_only" || w === "bodies_withheld") ?? "");
