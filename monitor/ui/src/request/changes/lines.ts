// Two texts line by line, with what is the same folded away. Loaded only where somebody looks, and
// jsdiff with it.

import { diffLines } from "diff";

export interface Line { kind: "same" | "added" | "removed"; text: string }
export type Stretch = { fold: false; lines: Line[] } | { fold: true; lines: Line[] };

/** Unchanged lines kept around a change. */
const AROUND = 3;
/** A comparison that takes longer is given up: the texts have little in common. */
const TIMEOUT_MS = 1500;

/** null where it would take too long. */
export function lines(before: string, after: string): Line[] | null {
  const parts = diffLines(ended(before), ended(after), { timeout: TIMEOUT_MS });
  if (!parts) return null;
  return parts.flatMap((part) => {
    const kind = part.added ? "added" : part.removed ? "removed" : "same";
    return part.value.replace(/\n$/, "").split("\n").map((text): Line => ({ kind, text }));
  });
}

const ended = (text: string) => (text.endsWith("\n") ? text : `${text}\n`);

/** Long runs without a change become a fold. */
export function folded(all: readonly Line[]): Stretch[] {
  const near = new Uint8Array(all.length);
  all.forEach((line, i) => {
    if (line.kind !== "same") near.fill(1, Math.max(0, i - AROUND), i + AROUND + 1);
  });
  const out: Stretch[] = [];
  all.forEach((line, i) => {
    const fold = near[i] === 0;
    const last = out.at(-1);
    if (last && last.fold === fold) last.lines.push(line);
    else out.push({ fold, lines: [line] });
  });
  // A fold must save more than it takes.
  return out.map((s) => (s.fold && s.lines.length < 3 ? { fold: false, lines: s.lines } : s));
}
