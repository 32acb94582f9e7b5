import { expect, test } from "vitest";
import { DeltaText } from "./delta";

const whole = "data: 你好 🦊 world\n\n";
const bytes = new TextEncoder().encode(whole);
/** Deltas never split a character (contract). */
function cut(sizes: number[]) {
  const out = [];
  let chars = [...whole];
  let from = 0;
  for (const n of sizes) {
    const data = chars.slice(0, n).join("");
    chars = chars.slice(n);
    out.push({ type: "body.delta" as const, seq: 0, id: "a", side: "response" as const, offset_ms: from, from, data });
    from += new TextEncoder().encode(data).length;
  }
  return out;
}

test("in order, repeated, overlapping and out of order give the same text", () => {
  const [a, b, c, d] = cut([8, 2, 3, 100]);
  const all = { ...a!, data: whole };
  for (const order of [[a, b, c, d], [a, a, b, b, c, d, a], [d, c, b, a], [a, all], [all, a, b, c, d], [b, all, d], [c, a, d, b, all]]) {
    const t = new DeltaText();
    const said = order.flatMap((x) => t.take(x!).map((f) => f.text)).join("");
    expect(t.text).toBe(whole);
    expect(said).toBe(whole);
    expect(t.bytes).toBe(bytes.length);
  }
});

test("waits for what is missing and says when it will not come", () => {
  const t = new DeltaText();
  const [, b] = cut([8, 2]);
  expect(t.take(b!)).toEqual([]);
  for (let i = 0; i < 70; i++) t.take({ ...b!, from: 1000 + i });
  expect(t.stuck).toBe(true);
});
