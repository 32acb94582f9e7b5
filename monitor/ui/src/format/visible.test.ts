// Recorded text must not hide anything from who reads it, nor steer what it is shown on.
import { expect, test } from "vitest";
import { visible } from "./visible";

test("escape sequences and other controls are seen, line breaks and tabs stay", () => {
  expect(visible("\u001b[31mred\u001b[0m\u0007\u0000")).toBe("␛[31mred␛[0m␇␀");
  expect(visible("a\tb\r\nc")).toBe("a\tb\r\nc");
  expect(visible("\u009b2J\u007f")).toBe("[9B]2J␡");
});

test("what turns the direction of the text is seen and turns nothing", () => {
  expect(visible("user\u202Egpj.exe\u202C")).toBe("user[RLO]gpj.exe[PDF]");
  expect(visible("\u2066a\u2069")).toBe("[LRI]a[PDI]");
});

test("what is only written is left as it is", () => {
  const text = "Grüße, 狐狸, مرحبا, 👩‍👩‍👧 \u200Fשלום";
  expect(visible(text)).toBe(text);
});
