import { expect, test } from "vitest";
import { utf8 } from "./utf8";

test.each(["", "plain", "Grüße", "狐狸", "👩‍👩‍👧 x", "a\ud83d", "\udc00b\ud83d狐"])("%j is as long as it travels", (text) => {
  expect(utf8(text)).toBe(new TextEncoder().encode(text).length);
});
test("nothing is no bytes", () => expect([utf8(null), utf8(undefined)]).toEqual([0, 0]));
