// The main menu, in groups. Only pages that exist are listed; a new page is one line here and one
// in router.ts.

import type { Words } from "../i18n/en";
import type { IconName } from "./Icon.vue";

export interface Page {
  name: "requests";
  icon: IconName;
  label(words: Words): string;
}

export const PAGES: Page[][] = [[{ name: "requests", icon: "requests", label: (w) => w.nav.requests }]];
