// What is put away comes back as it was, and what is dropped gives its buffer back.

import { describe, expect, it } from "vitest";
import type { Exchange } from "../api/types";
import { BOX, Shelf } from "./shelf";

const one = (n: number, more: object = {}) => ({ id: `id-${String(n).padStart(6, "0")}`, path: "/v1/chat", note: null, ...more }) as unknown as Exchange;
const many = (n: number) => Array.from({ length: n }, (_, i) => one(i));

describe("the shelf", () => {
  it("gives back what was put away, whatever its letters", () => {
    const shelf = new Shelf();
    const all = [one(1), one(2, { note: "值得留意 😀 \u0000\ud800" }), one(3, { usage: { prompt_tokens: 7 } })];
    shelf.put(all);
    for (const x of all) expect(shelf.get(x.id)).toEqual(JSON.parse(JSON.stringify(x)));
    expect(shelf.get("id-000009")).toBeUndefined();
  });

  it("keeps many boxes apart", () => {
    const shelf = new Shelf();
    const all = many(BOX * 3 + 5);
    shelf.put(all);
    expect(shelf.size).toBe(all.length);
    for (const n of [0, BOX - 1, BOX, BOX * 2 + 7, all.length - 1]) expect(shelf.get(all[n]!.id)).toEqual(all[n]);
  });

  it("takes texts longer than its working space", () => {
    const shelf = new Shelf();
    const long = one(1, { note: "长".repeat(200_000) });
    shelf.put([one(0), long, one(2)]);
    expect(shelf.get(long.id)).toEqual(long);
    expect(shelf.get(one(2).id)).toEqual(one(2));
  });

  it("gives the same object while it is looked at", () => {
    const shelf = new Shelf();
    shelf.put(many(1000));
    const first = shelf.get(one(5).id);
    for (let i = 0; i < 100; i++) shelf.get(one(i).id);
    expect(shelf.get(one(5).id)).toBe(first);
  });

  it("replaces what is put away twice, and forgets what is dropped", () => {
    const shelf = new Shelf();
    shelf.put(many(10));
    void shelf.get(one(3).id);
    shelf.put([one(3, { note: "new" })]);
    expect(shelf.get(one(3).id)?.note).toBe("new");
    expect(shelf.size).toBe(10);
    shelf.drop(one(3).id);
    shelf.drop(one(3).id);
    expect(shelf.get(one(3).id)).toBeUndefined();
    expect(shelf.get(one(4).id)).toEqual(one(4));
    for (const id of [...shelf.ids()]) shelf.drop(id);
    expect(shelf.size).toBe(0);
    expect((shelf as unknown as { boxes: Map<number, unknown> }).boxes.size).toBe(0);
  });
});
