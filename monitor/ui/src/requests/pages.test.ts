import { expect, test } from "vitest";
import type { Exchange } from "../api/types";
import { Reader, type Ask } from "./pages";

const all = Array.from({ length: 50 }, (_, i) => ({ id: String(99 - i) }) as Exchange);
const ask: Ask = (q) => {
  const from = q.cursor ? all.findIndex((x) => x.id === q.cursor) + 1 : 0;
  const items = all.slice(from, from + Number(q.limit));
  return Promise.resolve({ items, next: from + items.length < all.length ? items.at(-1)!.id : null, total: from ? null : all.length });
};

test.each([1, 7, 50, 100])("pages of %i read as one list", async (n) => {
  const r = new Reader({}, ask);
  const got: string[] = [];
  while (r.more) got.push(...(await r.next(n)).map((x) => x.id));
  expect(got).toEqual(all.map((x) => x.id));
  expect(r.total).toBe(50);
});
