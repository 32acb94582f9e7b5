// What stands in a menu, and its opened form, which comes when somebody reaches for the first one.

import { shallowRef, type Component } from "vue";
import type { IconName } from "./Icon.vue";

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

let coming: Promise<void> | undefined;

/** Brings it; a failure may be tried again. */
export function bring(): Promise<void> {
  coming ??= import("./OpenedMenu.vue").then(
    (module) => void (opened.value = module.default),
    (cause: unknown) => {
      coming = undefined;
      throw cause;
    },
  );
  return coming;
}
