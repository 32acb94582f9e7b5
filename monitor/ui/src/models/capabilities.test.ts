import { expect, test } from "vitest";
import { capable, readCapabilities, writeCapabilities } from "./capabilities";

test("names with commas, in either width, or a JSON object", () => {
  expect(readCapabilities("vision, tools，json")).toEqual({ vision: true, tools: true, json: true });
  expect(readCapabilities('{"context": 128000}')).toEqual({ context: 128000 });
  expect(readCapabilities("")).toEqual({});
  expect([readCapabilities("[1]"), readCapabilities("{oops"), readCapabilities('"x"')]).toEqual([null, null, null]);
});

test("what is read is written back the same", () => {
  for (const of of [{}, { vision: true, tools: true }, { vision: false, context: 128_000 }, { "a,b": true }]) expect(readCapabilities(writeCapabilities(of))).toEqual(of);
  expect(writeCapabilities({ vision: true, tools: true })).toBe("vision, tools");
});

test("only what a model can is told", () => {
  expect(capable({ vision: true, audio: false, context: 128_000 })).toEqual(["vision", "context: 128000"]);
});
