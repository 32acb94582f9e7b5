import { expect, test } from "vitest";
import { rank, score } from "./rank";

const names = ["Requests", "Client tokens", "Statistics", "密钥", "gpt-4o-mini"].map((label) => ({ label }));
const labels = (typed: string) => rank(typed, names, 9).map((n) => n.label);

test("the beginning of a name, then of a word, then the middle, then letters in order", () => {
  expect(labels("")).toEqual(names.map((n) => n.label));
  expect(labels("st")[0]).toBe("Statistics");
  expect(labels("tok")).toEqual(["Client tokens"]);
  expect(labels("密")).toEqual(["密钥"]);
  expect(labels("4o mini")).toEqual(["gpt-4o-mini"]);
  expect(labels("gptm")).toEqual(["gpt-4o-mini"]);
  expect(labels("zebra")).toEqual([]);
  expect(score("(", { label: "a(b" })).toBeGreaterThan(0);
});

test("other words lead there, too", () => {
  expect(score("api", { label: "Keys", also: "api credential" })).toBe(4);
});
