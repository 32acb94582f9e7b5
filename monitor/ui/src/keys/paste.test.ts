import { expect, test } from "vitest";
import { masked, only, readPaste, tally, vendorOf, without, withoutSent, type Around } from "./paste";

const anywhere: Around = { vendor: null, there: [] };
const kinds = (text: string, around = anywhere) => readPaste(text, around).map((l) => l.verdict.kind);

test("a line is a key, or a name and a key; comments and blank lines are neither", () => {
  const lines = readPaste("sk-aaaa1111\n\n  # May, 小李\nvip 3, sk-bbbb2222\r\n, sk-cccc3333", anywhere);
  expect(lines.map((l) => l.verdict)).toEqual([
    { kind: "new", name: null, secret: "sk-aaaa1111", alike: null },
    { kind: "blank" },
    { kind: "comment" },
    { kind: "new", name: "vip 3", secret: "sk-bbbb2222", alike: null },
    { kind: "new", name: null, secret: "sk-cccc3333", alike: null },
  ]);
  expect(lines.map((l) => l.n)).toEqual([1, 2, 3, 4, 5]);
});

test("a repeat names the first line, whatever it is called there", () => {
  expect(readPaste("a, sk-same1234\nsk-other999\nb, sk-same1234", anywhere)[2]!.verdict).toEqual({ kind: "repeat", line: 1 });
});

test("what cannot be a key says where and why", () => {
  expect(readPaste("sk-proj-9 Kd2", anywhere)[0]!.verdict).toEqual({ kind: "bad", why: "space", at: 10, character: " " });
  expect(readPaste("x, sk-密钥", anywhere)[0]!.verdict).toEqual({ kind: "bad", why: "character", at: 7, character: "密" });
  expect(readPaste("name,", anywhere)[0]!.verdict).toEqual({ kind: "bad", why: "empty", at: 6, character: "" });
  expect(readPaste("gw-abcdef", anywhere)[0]!.verdict).toMatchObject({ kind: "bad", why: "own" });
  expect(kinds("abc")).toEqual(["new"]);
  expect(kinds(`sk-${"x".repeat(9000)}`)).toEqual(["bad"]);
  expect(readPaste("小李，sk-aaaa1111", anywhere)[0]!.verdict).toMatchObject({ kind: "new", name: "小李", secret: "sk-aaaa1111" });
});

test("a key of another vendor is held back, unless the provider takes anybody's", () => {
  expect(readPaste("sk-ant-api03-xx", { vendor: "openai", there: [] })[0]!.verdict).toMatchObject({ kind: "foreign", vendor: "anthropic" });
  expect(kinds("sk-ant-api03-xx")).toEqual(["new"]);
  expect(kinds("sk-ant-api03-xx", { vendor: "anthropic", there: [] })).toEqual(["new"]);
  expect([vendorOf("sk-123"), vendorOf("gsk_1"), vendorOf("sk-or-v1-1")]).toEqual([null, "groq", "openrouter"]);
});

test("a key that ends like one that is there says so and is still sent", () => {
  expect(readPaste("sk-zz-k9Zt\nsk-zz-none", { vendor: null, there: [{ name: "main", masked: "sk-…k9Zt" }] }).map((l) => l.verdict)).toMatchObject([{ kind: "new", alike: "main" }, { kind: "new", alike: null }]);
});

test("counts, and the text that is sent keeps line numbers", () => {
  const text = "\ufeffsk-aaaa1111\n# note\nsk-aaaa1111\nbad key\nsk-bbbb2222\n\n";
  const lines = readPaste(text, anywhere);
  expect(tally(lines)).toEqual({ add: 2, skip: 2, look: 1 });
  expect(only(text, lines, (l) => l.verdict.kind === "new")).toBe("sk-aaaa1111\n\n\n\nsk-bbbb2222");
  expect(without(text, new Set([1, 2, 3, 5, 6, 7]))).toBe("bad key");
});

test("the preview never shows a key", () => {
  expect([masked("sk-proj-abcdefghijklT9f2"), masked("sk-12345678"), masked("short")]).toEqual(["sk-…T9f2", "…78", "…"]);
});

test("ten thousand lines are read in a moment", () => {
  const text = Array.from({ length: 10_000 }, (_, i) => `k${i}, sk-proj-${i}-abcdefghij`).join("\n");
  const t = performance.now();
  expect(tally(readPaste(text, { vendor: "openai", there: [] })).add).toBe(10_000);
  expect(performance.now() - t).toBeLessThan(500);
});

test("what was typed while the rest was on its way stays", () => {
  const sent = "one\ntwo\nbad key";
  expect(withoutSent(sent, sent, new Set([1, 2]))).toBe("bad key");
  expect(withoutSent(`${sent}\nthree`, sent, new Set([1, 2]))).toBe("bad key\nthree");
  expect(withoutSent("zero\none\none\ntwo!\nbad key", sent, new Set([1, 2]))).toBe("zero\none\ntwo!\nbad key");
});
