// A short word about what has been done, where no place on the page says it.

import { h } from "vue";
import { words } from "../i18n";
import { chordText } from "../shell/keyboard";
import { message as show } from "../shell/message";

export function tell(message: string, type: "success" | "warning" | "error" = "success") {
  void show({ message, type, duration: type === "success" ? 2000 : 6000, grouping: true, showClose: type !== "success" });
}

/** For so long something can be taken back. */
const UNDO_MS = 10_000;

/**
 * The same, with a button that takes it back; so does Ctrl or ⌘ Z where nothing is being typed.
 * `gone` is called when it can no longer be taken back.
 */
export function tellUndo(message: string, label: string, undo: () => void, gone: () => void = () => {}) {
  let open = true;
  const back = () => {
    if (!open) return;
    open = false;
    void told.then((shown) => shown?.close());
    undo();
  };
  const pressed = (event: KeyboardEvent) => {
    if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || event.key.toLowerCase() !== "z") return;
    if ((event.target as Element | null)?.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    event.preventDefault();
    // Of several the newest goes first, and only that.
    event.stopImmediatePropagation();
    back();
  };
  addEventListener("keydown", pressed, true);
  const told = show({
    message: h("span", { class: "undoable" }, [message, " ", h("button", { class: "linkish", type: "button", title: words.value.roster.undoHint(chordText("Z")), onClick: back }, label)]),
    type: "success",
    duration: UNDO_MS,
    showClose: true,
    onClose() {
      removeEventListener("keydown", pressed, true);
      if (open) gone();
      open = false;
    },
  });
}

/** What an answer that succeeded warns of. */
export function tellWarnings(warnings: string[]) {
  const known: Record<string, string> = { proxy_away: words.value.roster.proxyAway, not_all_sent: words.value.roster.notAllSent };
  for (const warning of warnings) if (known[warning]) tell(known[warning], "warning");
  const others = warnings.filter((w) => !known[w]);
  if (others.length) tell(words.value.roster.warned(others.join(", ")), "warning");
}
