// What stands in a menu, and its opened form, which comes when somebody reaches for the first one.

import { shallowRef, type Component } from "vue";
import type { IconName } from "./Icon.vue";
import { later } from "./later";

export interface MenuItem {
  /** What is emitted when it is chosen; unique in its menu. */
  command: string;
  label: string;
  icon?: IconName | undefined;
  /** A line above it. */
  divided?: boolean | undefined;
  /** Cannot be chosen; words say why. */
  off?: string | boolean | undefined;
  ticked?: boolean | undefined;
  danger?: boolean | undefined;
  /** Names those below it, and is none itself. */
  heading?: boolean | undefined;
  /** The label's language, where it is not the page's. */
  lang?: string | undefined;
  keys?: string | undefined;
  /** Said after the label to those who do not see the tick. */
  spoken?: string | undefined;
  /** The label is cut where it is long; this is shown whole. */
  whole?: string | undefined;
}

/** `Menu.vue`'s opened form, once it has come. */
export const opened = shallowRef<Component>();

/** Brings it. */
export const bring = later(async () => void (opened.value = (await import("./OpenedMenu.vue")).default));
