// What a cell of a row says in full, while a pointer is over it. Asked for then, not drawn with each
// row: a scroll draws rows by the hundred, a pointer is over one.

import type { Exchange } from "../api/types";
import { absolute } from "../format/time";
import type { Language } from "../i18n";
import { pathOf, startedAt } from "./state";

const SAYS: Record<string, (x: Exchange, language: Language) => string | null | undefined> = {
  "c-time": (x, language) => absolute(new Date(startedAt(x)), language),
  "c-model": (x) => x.model,
  "c-path": pathOf,
  "c-client": (x) => x.client_ip,
};

/** Gives the cell that `target` is in its title; null where it has none. */
export function entitle(target: Element, x: Exchange | undefined, language: Language): HTMLElement | null {
  const cell = target.closest<HTMLElement>(Object.keys(SAYS).map((name) => `.${name}:not(.tail)`).join());
  const name = cell && Object.keys(SAYS).find((each) => cell.classList.contains(each));
  if (!cell || !name || !x) return null;
  cell.title = SAYS[name]!(x, language) ?? "";
  return cell;
}
