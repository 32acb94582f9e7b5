// What can be done to the rows of a managed list, to one from its menu or to many that are ticked,
// and how it is taken back where that is possible.

import { words as w } from "../i18n";
import { each } from "./each";
import { said } from "./said";
import { tell, tellUndo } from "./tell";

export type Back = () => Promise<unknown>;
export interface Outcome { kind: "ok" | "err"; text: string }

export interface Deed<T> {
  name: "on" | "off" | "test" | "remove";
  act(row: T): Promise<unknown>;
  /** Takes it back for these rows, which are as they were before. Without it there is no way back. */
  back?(done: readonly T[]): Promise<unknown>;
  /** Rows that it changes nothing of are left alone. */
  fits?(row: T): boolean;
  /** For what says more of many than that it was done. */
  report?(rows: readonly T[], progress: () => void): Promise<Outcome>;
}

/** Puts rows back one by one; throws nothing, says what did not come back. */
export const backOf = <T>(nameOf: (row: T) => string, act: (row: T) => Promise<unknown>) => async (done: readonly T[]) => {
  const { failures } = await each(done, nameOf, act);
  if (failures.length) tell(failures.join("\n"), "error");
};

/** Says what was done, with a button that takes it back if there is a way. */
export function tellDone(message: string, back: Back | null) {
  if (!back) return tell(message);
  tellUndo(message, w.value.roster.undo, () => void back().catch((cause: unknown) => tell(said(cause), "error")));
}

/** Does it to one row and says so. */
export async function does<T>(deed: Deed<T>, row: T, message: string) {
  await deed.act(row);
  tellDone(message, deed.back ? () => deed.back!([row]) : null);
}

/** The same where nothing else would show a refusal. */
export const doesOrSays = <T>(deed: Deed<T>, row: T, message: string) => does(deed, row, message).catch((cause: unknown) => tell(said(cause), "error"));
