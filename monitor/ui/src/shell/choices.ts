// The languages and themes to choose from, as a menu shows them.

import { computed } from "vue";
import { language, words } from "../i18n";
import { theme, type Theme } from "./appearance";
import type { IconName } from "./Icon.vue";
import type { MenuItem } from "./menu";

type Choice = MenuItem & { command: Theme; icon: IconName };

export const languages = computed((): MenuItem[] => [
  { command: "zh-CN", label: "简体中文", lang: "zh-CN", ticked: language.value === "zh-CN" },
  { command: "en", label: "English", lang: "en", ticked: language.value === "en" },
]);

export const themes = computed((): Choice[] => {
  const w = words.value.shell;
  const all: Choice[] = [
    { command: "light", label: w.themeLight, icon: "sun" },
    { command: "dark", label: w.themeDark, icon: "moon" },
    { command: "system", label: w.themeSystem, icon: "system" },
  ];
  return all.map((one) => ({ ...one, ticked: theme.value === one.command }));
});
