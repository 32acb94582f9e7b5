import { expect, test } from "vitest";
import { typed } from "./typed";

test.each([
  ["1234", 1234], [" 0.15 ", 0.15], ["1,234", 1234], ["1,234,567.8", 1_234_567.8], ["-12,345", -12_345], ["1e3", 1000], [".5", 0.5],
])("%s is the number %s", (text, n) => expect(typed(text)).toEqual({ is: "number", n }));

test.each([
  ["0,15", "0.15"], ["0,5", "0.5"], ["-2,5", "-2.5"], ["0,150", "0.150"], [",5", "0.5"], ["12,3456", "12.3456"], ["1.234,5", "1234.5"], ["1234,567", "1234.567"],
])("%s has a decimal comma and should be %s", (text, write) => expect(typed(text)).toEqual({ is: "comma", write }));

test.each(["abc", "1,23,456", "1,", "1,234.5,6", "1,234,56", "1.2.3", "Infinity"])("%s is no number", (text) => expect(typed(text)).toEqual({ is: "odd" }));

test("nothing typed is nothing", () => expect(typed("  ")).toEqual({ is: "nothing" }));
