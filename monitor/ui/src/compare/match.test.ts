import { expect, test } from "vitest";
import type { Turn } from "../dialect";
import { speak } from "../i18n";
import { match, parameters, stretches, told } from "./match";

const turn = (role: string, text: string): Turn => ({ role, parts: [{ kind: "text", text }], from: "request" });
const say = (...texts: string[]) => texts.map((t) => turn(t.startsWith("a") ? "assistant" : "user", t));
const kinds = (l: Turn[], r: Turn[]) => match(l, r).map((p) => `${p.kind}:${p.left ? told(p.left) : ""}|${p.right ? told(p.right) : ""}`);

test("turns that say the same are matched, the rest by who spoke", () => {
  expect(kinds(say("u1", "a1", "u2"), say("u1", "a1", "u2"))).toEqual(["same:u1|u1", "same:a1|a1", "same:u2|u2"]);
  expect(kinds(say("u1", "a1"), say("u1", "aX"))).toEqual(["same:u1|u1", "changed:a1|aX"]);
  expect(kinds(say("u1", "a1", "u2"), say("u1", "a1", "u2", "a2", "u3"))).toEqual(["same:u1|u1", "same:a1|a1", "same:u2|u2", "right:|a2", "right:|u3"]);
});

test("a turn that was put in moves the rest without changing it", () => {
  expect(kinds(say("u1", "a1", "u2", "a2"), say("u0", "u1", "a1", "uX", "a2"))).toEqual(["right:|u0", "same:u1|u1", "same:a1|a1", "changed:u2|uX", "same:a2|a2"]);
  expect(kinds([], say("u1"))).toEqual(["right:|u1"]);
  expect(kinds(say("u1"), [])).toEqual(["left:u1|"]);
});

test("who spoke matters, ids of calls and spaces in their arguments do not", () => {
  expect(kinds([turn("user", "x")], [turn("system", "x")])).toEqual(["left:x|", "right:|x"]);
  const call = (id: string, args: string): Turn => ({ role: "assistant", from: "request", parts: [{ kind: "call", id, name: "f", args }] });
  expect(match([call("1", '{"a":1}')], [call("2", '{ "a": 1 }')])[0]!.kind).toBe("same");
  expect(match([call("1", '{"a":1}')], [call("2", '{"a":2}')])[0]!.kind).toBe("changed");
});

test("what is the same folds together, what differs stands alone", () => {
  const pairs = match(say("u1", "a1", "u2", "a2"), say("u1", "a1", "u2", "aX"));
  expect(stretches(pairs).map((s) => [s.same, s.pairs.length, s.chars])).toEqual([[true, 3, 6], [false, 1, 2]]);
});

test("parameters that differ come first", () => {
  expect(parameters([["a", "1"], ["t", "0.5"]], [["a", "1"], ["t", "0.9"], ["n", "2"]])).toEqual([
    { name: "t", left: "0.5", right: "0.9" }, { name: "n", left: null, right: "2" }, { name: "a", left: "1", right: "1" },
  ]);
});

test("what is no text is named in the language in use", async () => {
  const shown: Turn = { role: "user", from: "request", parts: [{ kind: "image", url: "https://a.example/x.png", mime: "image/png", bytes: 9 }, { kind: "file", name: "a.pdf", mime: null, bytes: 7, url: null }] };
  const first = () => told(shown).split("\n").map((line) => line.split(" ")[0]);
  expect(first()).toEqual(["[Image", "[File"]);
  await speak("zh-CN");
  expect(first()).toEqual(["[图片", "[文件"]);
  await speak("en");
});
