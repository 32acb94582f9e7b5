// A short word about what has been done, where no place on the page says it.

import { ElMessage } from "element-plus/es/components/message/index.mjs";
import "element-plus/es/components/message/style/css";
import { h } from "vue";
import { words } from "../i18n";

export function tell(message: string, type: "success" | "warning" | "error" = "success") {
  ElMessage({ message, type, duration: type === "success" ? 2000 : 6000, grouping: true, showClose: type !== "success" });
}

/** The same, with a button that takes it back. */
export function tellUndo(message: string, label: string, undo: () => void) {
  const back = () => {
    undo();
    told.close();
  };
  const told = ElMessage({ message: h("span", [message, " ", h("button", { class: "linkish", type: "button", onClick: back }, label)]), type: "success", duration: 8000 });
}

/** What an answer that succeeded warns of. */
export function tellWarnings(warnings: string[]) {
  const away = warnings.includes("proxy_away");
  if (away) tell(words.value.roster.proxyAway, "warning");
  const others = warnings.filter((w) => w !== "proxy_away");
  if (others.length) tell(words.value.roster.warned(others.join(", ")), "warning");
}
