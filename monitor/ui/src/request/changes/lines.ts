// Two texts line by line, with what is the same folded away. Loaded only where somebody looks, and
// jsdiff with it.

import { diffLines, diffWordsWithSpace } from "diff";

/** `parts`: the words of a line that was changed, and which of them differ. */
export interface Line { kind: "same" | "added" | "removed"; text: string; parts?: { text: string; differs: boolean }[] }
export type Stretch = { fold: false; lines: Line[] } | { fold: true; lines: Line[] };

/** Unchanged lines kept around a change. */
const AROUND = 3;
/** A comparison that takes longer is given up: the texts have little in common. */
const TIMEOUT_MS = 1500;

/** null where it would take too long. */
export function lines(before: string, after: string): Line[] | null {
  const parts = diffLines(ended(before), ended(after), { timeout: TIMEOUT_MS });
  if (!parts) return null;
  return worded(parts.flatMap((part) => {
    const kind = part.added ? "added" : part.removed ? "removed" : "same";
    return part.value.replace(/\n$/, "").split("\n").map((text): Line => ({ kind, text }));
  }));
}

/** Lines longer than this are not looked into. */
const LONG = 4000;
/** All the looking takes at most so long. */
const WORDS_MS = 300;

/** Lines that went with as many that came in their place: which words differ. */
function worded(all: Line[]): Line[] {
  const until = performance.now() + WORDS_MS;
  for (let i = 0; i < all.length;) {
    const run = (kind: Line["kind"], from: number) => {
      let n = 0;
      while (all[from + n]?.kind === kind) n++;
      return n;
    };
    const gone = run("removed", i);
    const come = gone ? run("added", i + gone) : 0;
    for (let k = 0; gone > 0 && gone === come && k < gone && performance.now() < until; k++) {
      const [before, after] = [all[i + k]!, all[i + gone + k]!];
      if (before.text.length > LONG || after.text.length > LONG) continue;
      const words = diffWordsWithSpace(before.text, after.text);
      const same = words.reduce((n, w) => n + (w.added || w.removed ? 0 : w.value.length), 0);
      // Two lines with little in common are two lines.
      if (same * 3 < Math.max(before.text.length, after.text.length)) continue;
      const of = (other: "added" | "removed") => words.filter((w) => !w[other]).map((w) => ({ text: w.value, differs: w.added || w.removed }));
      all[i + k] = { ...before, parts: of("added") };
      all[i + gone + k] = { ...after, parts: of("removed") };
    }
    i += Math.max(1, gone + come);
  }
  return all;
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
