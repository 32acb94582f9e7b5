// What cannot be brought back once it is done waits for as long as one may think better of it. A
// page that is left or closed meanwhile has decided: it is done then.

import { words as w } from "../i18n";
import { said } from "./said";
import { tell, tellUndo } from "./tell";

const waiting = new Set<() => void>();
addEventListener("pagehide", () => waiting.forEach((go) => go()));

/**
 * Hides it at once and does it when the notice has gone. `act` may run while the page is closed: it
 * must send with `keepalive`. What is refused is shown again.
 */
export function later(message: string, hide: () => void, show: () => void, act: () => Promise<unknown>) {
  hide();
  let open = true;
  const end = () => {
    const was = open;
    open = false;
    waiting.delete(go);
    return was;
  };
  function go() {
    if (!end()) return;
    act().catch((cause: unknown) => {
      show();
      tell(said(cause), "error");
    });
  }
  waiting.add(go);
  tellUndo(message, w.value.roster.undo, () => void (end() && show()), go);
}
