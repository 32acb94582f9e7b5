// Copying without the clipboard, as over plain http.

import { afterEach, expect, test, vi } from "vitest";

vi.mock("element-plus/es/components/message/index.mjs", () => ({ ElMessage: vi.fn() }));
vi.mock("element-plus/es/components/message/style/css", () => ({}));

afterEach(() => {
  document.body.innerHTML = "";
  vi.restoreAllMocks();
});

test.each([["", "BODY"], ["<dialog open id=a></dialog><dialog open id=b><button></button></dialog><dialog id=c></dialog>", "b"]])("the text is selected where it can be: %s", async (html, place) => {
  const { copy } = await import("./copy");
  document.body.innerHTML = html;
  let selected = "";
  let within = "";
  document.execCommand = () => {
    const area = document.querySelector("textarea")!;
    selected = area.value.slice(area.selectionStart, area.selectionEnd);
    within = area.parentElement!.id || area.parentElement!.tagName;
    return true;
  };
  const button = document.querySelector("button");
  button?.focus();
  expect(await copy("a key")).toBe(true);
  expect([selected, within]).toEqual(["a key", place]);
  expect(document.querySelector("textarea")).toBeNull();
  if (button) expect(document.activeElement).toBe(button);
});
