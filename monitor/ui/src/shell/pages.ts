// The main menu, in groups. Only pages that exist are listed; a new page is one line here and one
// in router.ts.

import type { Words } from "../i18n/en";
import type { IconName } from "./Icon.vue";

export type PageName = "requests" | "keys" | "providers" | "models" | "prices" | "routes" | "client-tokens" | "traces" | "settings";

export interface Page {
  name: PageName;
  icon: IconName;
  /** `g` and this letter go there. */
  key: string;
  /** Has a place of its own in the bottom bar of phones; the others are behind "more". */
  near?: boolean;
  label(words: Words): string;
}

export const PAGES: Page[][] = [
  [{ name: "requests", icon: "requests", key: "r", near: true, label: (w) => w.nav.requests }],
  [
    { name: "keys", icon: "key", key: "k", near: true, label: (w) => w.nav.keys },
    { name: "providers", icon: "provider", key: "p", near: true, label: (w) => w.nav.providers },
    { name: "models", icon: "model", key: "m", label: (w) => w.nav.models },
    { name: "prices", icon: "price", key: "c", label: (w) => w.nav.prices },
    { name: "routes", icon: "route", key: "o", label: (w) => w.nav.routes },
    { name: "client-tokens", icon: "token", key: "t", label: (w) => w.nav.tokens },
  ],
  [{ name: "traces", icon: "trace", key: "x", label: (w) => w.nav.traces }],
  [{ name: "settings", icon: "settings", key: "s", label: (w) => w.nav.settings }],
];
