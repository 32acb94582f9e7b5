// Ticked rows: ranges, what the filter hides, and what many writes come to.
import { computed, ref } from "vue";
import { expect, test } from "vitest";
import { Failure } from "../api/client";
import type { Deed } from "./deed";
import { useSelection } from "./selection";

interface Row { id: number; on: boolean }
const make = (deeds: Deed<Row>[] = []) => {
  const rows = ref<Row[]>([1, 2, 3, 4, 5].map((id) => ({ id, on: id > 2 })));
  return { rows, of: useSelection<Row>({ rows: computed(() => rows.value), idOf: (r) => r.id, nameOf: (r) => `r${r.id}`, deeds }) };
};
const ids = (rows: readonly Row[]) => rows.map((r) => r.id);

test("a range takes both ends, whichever was ticked first", () => {
  const { rows, of } = make();
  of.tick(rows.value[3]!, false);
  of.tick(rows.value[1]!, true);
  expect(ids(of.chosen.value)).toEqual([2, 3, 4]);
});

test("what the list does not show any more is not chosen", () => {
  const { rows, of } = make();
  of.tickAll();
  rows.value = rows.value.filter((r) => r.id !== 4);
  expect(ids(of.chosen.value)).toEqual([1, 2, 3, 5]);
  expect(of.all.value).toBe(true);
});

test("rows that it would not change are left alone, and a way back knows those it did", async () => {
  const did: number[] = [];
  const back: number[][] = [];
  const off: Deed<Row> = { name: "off", fits: (r) => r.on, act: async (r) => void did.push(r.id), back: async (done) => void back.push(ids(done).sort()) };
  const { of } = make([off]);
  of.tickAll();
  const outcome = await of.act(off);
  expect(did.sort()).toEqual([3, 4, 5]);
  expect(of.chosen.value).toEqual([]);
  await outcome.back!();
  expect(back).toEqual([[3, 4, 5]]);
});

test("what was refused stays ticked, with its reason", async () => {
  const remove: Deed<Row> = { name: "remove", act: async (r) => { if (r.id === 2) throw new Failure(409, "in use", null); } };
  const { of } = make([remove]);
  of.tickAll();
  const outcome = await of.act(remove);
  expect([outcome.kind, outcome.done, outcome.failures, outcome.back]).toEqual(["err", 4, ["r2: in use"], null]);
  expect(ids(of.chosen.value)).toEqual([2]);
});
