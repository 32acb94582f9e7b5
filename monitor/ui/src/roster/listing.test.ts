// A list on its way must not undo what was written meanwhile.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { listing } from "./listing";

interface Row { id: number; name: string }

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function rig() {
  const answers: ((rows: Row[]) => void)[] = [];
  const list = listing<Row>(() => new Promise((answer) => answers.push(answer)), (row) => row.id);
  return { list, answers };
}
const settle = () => vi.advanceTimersByTimeAsync(0);

test("an answer asked for before a write is not taken, and the list is asked for once more", async () => {
  const { list, answers } = rig();
  void list.load();
  answers[0]!([{ id: 1, name: "old" }, { id: 2, name: "going" }]);
  await settle();

  void list.load();
  list.put({ id: 1, name: "new" });
  list.drop({ id: 2, name: "going" });
  expect(list.loading.value).toBe(false);
  answers[1]!([{ id: 1, name: "old" }, { id: 2, name: "going" }]);
  await settle();
  expect(list.items.value).toEqual([{ id: 1, name: "new" }]);

  await vi.advanceTimersByTimeAsync(1000);
  expect(answers).toHaveLength(3);
  answers[2]!([{ id: 1, name: "new" }, { id: 3, name: "more" }]);
  await settle();
  expect([list.items.value, list.loading.value]).toEqual([[{ id: 1, name: "new" }, { id: 3, name: "more" }], false]);
});

test("a write while nothing is on its way asks for nothing", async () => {
  const { list, answers } = rig();
  void list.load();
  answers[0]!([]);
  await settle();
  list.put({ id: 1, name: "new" });
  await vi.advanceTimersByTimeAsync(1000);
  expect([answers.length, list.items.value]).toEqual([1, [{ id: 1, name: "new" }]]);
});
