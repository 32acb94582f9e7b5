// Line diffs: what came, what went, and how much of the rest is folded.
import { expect, test } from "vitest";
import { folded, lines } from "./lines";

test("a changed line is one that went and one that came", () => {
  expect(lines("a\nb\nc", "a\nx\nc")).toEqual([
    { kind: "same", text: "a" },
    { kind: "removed", text: "b" },
    { kind: "added", text: "x" },
    { kind: "same", text: "c" },
  ]);
});

test("of a line that was changed, the words that differ are told", () => {
  const [before, after] = lines("the quick brown fox", "the quick red fox")!;
  expect(before!.parts!.filter((p) => p.differs).map((p) => p.text)).toEqual(["brown"]);
  expect(after!.parts!.filter((p) => p.differs).map((p) => p.text)).toEqual(["red"]);
  expect(before!.parts!.map((p) => p.text).join("")).toBe("the quick brown fox");
  expect(lines("nothing alike", "12345678901234567890")!.every((l) => l.parts === undefined)).toBe(true);
});

test("a missing line break at the end is no difference", () => {
  expect(lines("a\nb", "a\nb\n")!.every((l) => l.kind === "same")).toBe(true);
});

test("what is the same is folded, save near a change", () => {
  const same = Array.from({ length: 20 }, (_, i) => `line ${i}`);
  const stretches = folded(lines(same.join("\n"), [...same, "new"].join("\n"))!);
  expect(stretches.map((s) => [s.fold, s.lines.length])).toEqual([[true, 17], [false, 4]]);
});
