// The main menu, in groups. Only pages that exist are listed; a new page is one line here and one
// in router.ts.

import type { Words } from "../i18n/en";
import type { IconName } from "./Icon.vue";

export type PageName = "dashboard" | "requests" | "playground" | "keys" | "providers" | "models" | "prices" | "routes" | "client-tokens" | "traces" | "statistics" | "settings" | "setup";

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
  [
    { name: "dashboard", icon: "dashboard", key: "d", near: true, label: (w) => w.nav.dashboard },
    { name: "requests", icon: "requests", key: "r", near: true, label: (w) => w.nav.requests },
    { name: "playground", icon: "chat", key: "l", near: true, label: (w) => w.nav.playground },
  ],
  [
    { name: "keys", icon: "key", key: "k", near: true, label: (w) => w.nav.keys },
    { name: "providers", icon: "provider", key: "p", label: (w) => w.nav.providers },
    { name: "models", icon: "model", key: "m", label: (w) => w.nav.models },
    { name: "prices", icon: "price", key: "c", label: (w) => w.nav.prices },
    { name: "routes", icon: "route", key: "o", label: (w) => w.nav.routes },
    { name: "client-tokens", icon: "token", key: "t", label: (w) => w.nav.tokens },
  ],
  [
    { name: "traces", icon: "trace", key: "x", label: (w) => w.nav.traces },
    { name: "statistics", icon: "statistics", key: "i", label: (w) => w.nav.statistics },
  ],
  [
    { name: "settings", icon: "settings", key: "s", label: (w) => w.nav.settings },
    { name: "setup", icon: "plug", key: "u", label: (w) => w.nav.setup },
  ],
];
