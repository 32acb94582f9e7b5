// Copies text and says so. Without the clipboard (plain http on another host) it falls back to a
// selection, and if that fails too it says what to do.

import { words } from "../i18n";
import { message as show } from "./message";

/** A short notice of something that did not work. */
export function say(message: string) {
  void show({ message, type: "warning", duration: 5000, grouping: true });
}

export async function copy(text: string): Promise<boolean> {
  const done = await write(text);
  void show({ message: done ? words.value.empty.copied : words.value.empty.copyFailed, type: done ? "success" : "warning", duration: done ? 1500 : 5000, grouping: true });
  return done;
}

async function write(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "vh";
    // All but the topmost modal dialog is inert: nothing outside it can be selected.
    const before = document.activeElement;
    const place = before?.closest("dialog[open]") ?? [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
    place.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (before instanceof HTMLElement) before.focus();
    return done;
  }
}
