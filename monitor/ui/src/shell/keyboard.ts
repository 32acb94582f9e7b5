// Keyboard shortcuts: single keys, never while something is being typed, never with a modifier.
// The newest registration of a key wins, so that a page inside the shell can take one over.

import { onScopeDispose } from "vue";

/** Whose keyboards have a ⌘ where others have Ctrl. */
const mac = () => /Mac|iPhone|iPad/.test(navigator.platform);
/** The keys to press with this one, as they are written on them; each is taken everywhere. */
export const chord = (key: string): string[] => [mac() ? "⌘" : "Ctrl", key];
/** The same as text: `Ctrl K`, `⌘K`. */
export const chordText = (key: string) => chord(key).join(mac() ? "" : " ");

type Act = (event: KeyboardEvent) => void | boolean;
const acts: { key: string; act: Act }[] = [];
let pending: { key: string; at: number } | null = null;

/** Runs `act` on a key (`j`, `?`, `Escape`) or a sequence of two (`g r`). Returning false passes it on. */
export function useKey(key: string, act: Act) {
  const entry = { key, act };
  acts.push(entry);
  onScopeDispose(() => acts.splice(acts.indexOf(entry), 1));
}

/** Runs `act` on Ctrl or ⌘ with this letter, wherever the focus is. */
export function useEverywhere(letter: string, act: () => void) {
  const pressed = (event: KeyboardEvent) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== letter) return;
    event.preventDefault();
    act();
  };
  document.addEventListener("keydown", pressed);
  onScopeDispose(() => document.removeEventListener("keydown", pressed));
}

const typing = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (typing(event.target) || document.querySelector("dialog[open]")) return;
  const sequence = pending && event.timeStamp - pending.at < 1000 ? `${pending.key} ${event.key}` : null;
  pending = null;
  for (const wanted of sequence ? [sequence, event.key] : [event.key]) {
    for (const { act } of acts.filter((a) => a.key === wanted).reverse()) {
      if (act(event) === false) continue;
      event.preventDefault();
      return;
    }
  }
  if (acts.some((a) => a.key.startsWith(`${event.key} `))) pending = { key: event.key, at: event.timeStamp };
});
