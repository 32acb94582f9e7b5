import { expect, test, vi } from "vitest";
import { browserStorage, Drafts } from "./drafts";
import { blank, draftOf } from "./shapes";

/** A browser's storage that holds so many characters. */
function storage(room = Infinity) {
  const held = new Map<string, string>();
  return {
    getItem: (k: string) => held.get(k) ?? null,
    setItem(k: string, v: string) {
      if (v.length > room) throw new DOMException("full", "QuotaExceededError");
      held.set(k, v);
    },
  };
}
const draft = (text: string) => ({ ...draftOf({ ...blank(), model: "m" }), text });

test("what was typed is there after a reload, and the last setup for a new conversation", () => {
  const s = storage();
  new Drafts(s).keep("new", draft("half a quest"));
  const again = new Drafts(s);
  expect([again.of("new")?.text, again.last().model, again.of("7")]).toEqual(["half a quest", "m", null]);
  again.move("new", "7");
  expect([new Drafts(s).of("7")?.text, new Drafts(s).of("new")]).toEqual(["half a quest", null]);
  again.drop("7");
  expect(new Drafts(s).of("7")).toBeNull();
});

test("where storage is blocked, drafts last until the page is closed", () => {
  const blocked = vi.spyOn(window, "localStorage", "get").mockImplementation(() => {
    throw new DOMException("blocked", "SecurityError");
  });
  const drafts = new Drafts(browserStorage());
  drafts.keep("new", draft("half a quest"));
  expect([drafts.of("new")?.text, new Drafts(browserStorage()).of("new")]).toEqual(["half a quest", null]);
  blocked.mockRestore();
});

test("only the last dozen are kept", () => {
  const s = storage();
  const drafts = new Drafts(s);
  for (let n = 0; n < 20; n++) drafts.keep(String(n), draft(`${n}`));
  expect([new Drafts(s).of("7"), new Drafts(s).of("8")?.text, new Drafts(s).of("19")?.text]).toEqual([null, "8", "19"]);
});

test("where images do not fit, words still do", () => {
  const s = storage(4000);
  const picture = { name: "a.png", url: `data:image/png;base64,${"A".repeat(9000)}`, bytes: 7000 };
  new Drafts(s).keep("new", { ...draft("look"), pictures: [picture] });
  expect(new Drafts(s).of("new")).toMatchObject({ text: "look", pictures: [] });
});

test("a storage that holds nonsense or is off is passed over", () => {
  const s = storage();
  s.setItem("glassway.playground", '{"drafts":[["1",7],["2",{"text":"x","setup":{"model":"y"}}]],"setup":null}');
  expect([new Drafts(s).of("1"), new Drafts(s).of("2")?.setup.stream]).toEqual([null, true]);
  s.setItem("glassway.playground", "{");
  expect(new Drafts(s).of("2")).toBeNull();
  const off = { getItem: () => { throw new Error("off"); }, setItem: () => { throw new Error("off"); } };
  const drafts = new Drafts(off);
  drafts.keep("new", draft("still"));
  expect(drafts.of("new")?.text).toBe("still");
});
