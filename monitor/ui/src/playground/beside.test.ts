// Which two answers stand side by side.
import { expect, test } from "vitest";
import { pair } from "./beside";
import type { Chat, ChatTurn } from "./shapes";

const turn = (id: number, model: string, message_ids: number[], message_id: number | null) => ({ id, model, message_ids, message_id, state: "ok" }) as unknown as ChatTurn;
const chat = (...history: ChatTurn[]) => ({ messages: [[1, "user", "hi"], [2, "assistant", "a"], [3, "assistant", "b"]].map(([id, role, content]) => ({ id, message: { role, content } })), history }) as unknown as Chat;
const ids = (found: ReturnType<typeof pair>) => found?.map((e) => e.turn!.id) ?? null;

test("the newest answer of each model to the same question, the second model's on the right", () => {
  const c = chat(turn(1, "m", [1], 2), turn(2, "n", [1], 3), turn(3, "n", [1], null));
  expect(ids(pair(c, c.history[0]!, "n"))).toEqual([1, 3]);
  expect(ids(pair(c, c.history[1]!, "n"))).toEqual([1, 2]);
  expect(pair(c, c.history[0]!, "n")![0].message?.content).toBe("a");
});

test("the same words from both are still two answers", () => {
  const c = chat(turn(1, "m", [1], 2), turn(2, "n", [1], 2));
  expect(ids(pair(c, c.history[0]!, "n"))).toEqual([1, 2]);
});

test("one answer, or no second model, is no pair", () => {
  const c = chat(turn(1, "m", [1], 2), turn(2, "m", [1, 2], 3));
  expect(pair(c, c.history[0]!, "n")).toBe(null);
  expect(pair(c, c.history[0]!, "")).toBe(null);
});
