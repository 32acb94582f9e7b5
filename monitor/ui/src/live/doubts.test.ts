// Doubts are settled by asking, each once, and not at all where the feed says it first.

import { expect, it, vi } from "vitest";
import type { Exchange } from "../api/types";
import { Doubts } from "./doubts";

function setUp(answers: Record<string, Exchange | "gone" | null>) {
  const asked: string[] = [];
  const settled: [string, unknown][] = [];
  let wait: (() => void) | null = null;
  const doubts = new Doubts({
    ask: async (id) => (asked.push(id), answers[id] ?? null),
    settle: (id, found) => settled.push([id, found]),
    later: (act) => (wait = act),
  });
  const pass = async () => {
    wait?.();
    wait = null;
    await vi.waitFor(() => expect((doubts as unknown as { asking: boolean }).asking).toBe(false));
  };
  return { doubts, asked, settled, pass, waiting: () => wait !== null };
}
const ended = { id: "a", outcome: "ok" } as unknown as Exchange;

it("asks for each, after a while", async () => {
  const { doubts, asked, settled, pass } = setUp({ a: ended, b: "gone" });
  doubts.add("a");
  doubts.add("b");
  expect(asked).toEqual([]);
  await pass();
  expect(settled).toEqual([["a", ended], ["b", "gone"]]);
});

it("does not ask for what was heard of meanwhile", async () => {
  const { doubts, asked, settled, pass } = setUp({ a: ended, b: "gone" });
  doubts.add("a");
  doubts.add("b");
  doubts.clear("a");
  await pass();
  expect([asked, settled]).toEqual([["b"], [["b", "gone"]]]);
});

it("keeps what nobody answers for, and asks again with the next doubt", async () => {
  const answers: Record<string, Exchange | "gone" | null> = {};
  const { doubts, settled, pass, waiting } = setUp(answers);
  doubts.add("a");
  await pass();
  expect([settled, waiting()]).toEqual([[], false]);
  answers.a = "gone";
  doubts.add("a");
  await pass();
  expect(settled).toEqual([["a", "gone"]]);
});
