import { expect, test } from "vitest";
import { answered, isLast, line, newest, said, systemOf, without } from "./thread";
import type { Chat, ChatTurn } from "./shapes";

const turn = (id: number, message_ids: number[], message_id: number | null): ChatTurn => ({ id, message_ids, message_id, model: "m", state: "done" }) as unknown as ChatTurn;
const MESSAGES = [
  [1, "system", "be brief"], [2, "user", "hello"], [3, "assistant", "hi"], [4, "assistant", "hey"], [5, "user", "and?"], [6, "assistant", "so"], [7, "user", "why?"],
].map(([id, role, content]) => ({ id, message: { role, content } }));
const chat = (...history: ChatTurn[]) => ({ messages: MESSAGES, history }) as unknown as Chat;

test("a conversation reads as it was held, each answer with its turn", () => {
  const c = chat(turn(10, [1, 2], 3), turn(11, [1, 2, 3, 5], 6));
  const entries = line(c, newest(c)!);
  expect(entries.map((e) => [e.message?.content, e.turn?.id ?? null])).toEqual([["hello", null], ["hi", 10], ["and?", null], ["so", 11]]);
  expect(entries.every((e) => e.branches.length === 1)).toBe(true);
  expect(said(entries, 2).map((m) => m.content)).toEqual(["hello", "hi"]);
  expect(systemOf(c, c.history[0]!)).toBe("be brief");
});

test("what was regenerated or changed is a branch that leads to its newest turn", () => {
  const c = chat(turn(10, [2], 3), turn(11, [2, 3, 5], 6), turn(12, [2], 4), turn(13, [2, 3, 7], null));
  const first = line(c, c.history[1]!);
  expect(first.map((e) => [e.message?.content, e.branches, e.branch])).toEqual([
    ["hello", [13], 0],
    ["hi", [13, 12], 0],
    ["and?", [11, 13], 0],
    ["so", [11], 0],
  ]);
  const failed = line(c, c.history[3]!);
  expect(failed.at(-1)).toMatchObject({ message: null, branches: [13], branch: 0, turn: { id: 13 } });
  expect(failed.map((e) => e.branch)).toEqual([0, 0, 1, 0]);
});

test("another system prompt is no other conversation", () => {
  const c = chat(turn(10, [2], 3), turn(11, [1, 2], 4));
  expect(line(c, c.history[1]!).map((e) => [e.message?.content, e.branches.length, e.branch])).toEqual([["hello", 1, 0], ["hey", 2, 1]]);
});

test("a question that got no answer gives its place to the next", () => {
  const c = chat(turn(10, [2], 3), turn(11, [2, 3, 5], null));
  expect(answered(line(c, newest(c)!)).map((m) => m.content)).toEqual(["hello", "hi"]);
  // One that was stopped after some words has an answer.
  const some = chat(turn(10, [2], 3), turn(11, [2, 3, 5], 6));
  expect(answered(line(some, newest(some)!)).map((m) => m.content)).toEqual(["hello", "hi", "and?", "so"]);
});

test("a turn that goes leaves the one beside it, or the one before it", () => {
  const c = chat(turn(10, [2], 3), turn(11, [2, 3, 5], 6), turn(12, [2, 3, 5], null));
  expect(without(c, c.history[2]!)?.id).toBe(11);
  expect(without(chat(turn(10, [2], 3), turn(11, [2, 3, 5], 6)), turn(11, [2, 3, 5], 6))?.id).toBe(10);
  expect(without(chat(turn(10, [2], 3)), turn(10, [2], 3))).toBe(null);
  expect(c.history.map((t) => isLast(c, t))).toEqual([false, true, true]);
});
