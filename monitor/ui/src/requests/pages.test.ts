import { expect, test } from "vitest";
import type { Exchange } from "../api/types";
import { parse } from "../filters/filters";
import { questions, Reader, type Ask } from "./pages";

const item = (id: string, outcome: string) => ({ id, outcome }) as Exchange;
const all = Array.from({ length: 50 }, (_, i) => item(String(99 - i), ["timeout", "ok", "client_closed", "ok", "interrupted"][i % 5]!));
let calls = 0;
const ask: Ask = (q) => {
  calls++;
  const found = all.filter((x) => !q.outcome || x.outcome === q.outcome);
  const from = q.cursor ? found.findIndex((x) => x.id === q.cursor) + 1 : 0;
  const items = found.slice(from, from + Number(q.limit));
  return Promise.resolve({ items, next: from + items.length < found.length ? items.at(-1)!.id : null, total: found.length });
};

test("several outcomes are several questions", () => {
  expect(questions(parse("outcome:timeout,interrupted status:4xx,5xx x"), 0)).toHaveLength(4);
  expect(questions(parse("outcome:timeout"), 0)).toEqual([{ outcome: "timeout" }]);
});

test.each([1, 3, 7, 100])("pages of %i read as one list, newest first, nothing twice", async (n) => {
  const wanted = all.filter((x) => x.outcome !== "ok").map((x) => x.id);
  const r = new Reader(questions(parse("outcome:timeout,client_closed,interrupted"), 0), ask);
  const got: string[] = [];
  while (r.more) got.push(...(await r.next(n)).map((x) => x.id));
  expect(got).toEqual(wanted);
  expect(r.total).toBe(30);
});

test("one question is one call a page", async () => {
  calls = 0;
  const r = new Reader([{}], ask);
  expect((await r.next(20)).length).toBe(20);
  expect(calls).toBe(1);
  await r.next(20);
  expect(calls).toBe(2);
  expect((await r.next(20)).length).toBe(10);
  expect(r.more).toBe(false);
});
