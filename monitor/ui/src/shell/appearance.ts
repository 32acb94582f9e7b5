// The theme: light, dark, or as the system. public/before-paint.js sets it before the first paint;
// this changes it afterwards and remembers it.

import { readonly, ref } from "vue";

export type Theme = "light" | "dark" | "system";

const STORED = "glassway.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const chosen = ref<Theme>(read());

export const theme = readonly(chosen);

export function dress(next: Theme) {
  chosen.value = next;
  try {
    if (next === "system") localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, next);
  } catch {
    // Storage is off: the choice lasts until the page is closed.
  }
  apply();
}

function apply() {
  const dark = chosen.value === "dark" || (chosen.value === "system" && system.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.documentElement.classList.toggle("dark", dark);
}

function read(): Theme {
  try {
    const stored = localStorage.getItem(STORED);
    return stored === "light" || stored === "dark" ? stored : "system";
  } catch {
    return "system";
  }
}

system.addEventListener("change", apply);
apply();
