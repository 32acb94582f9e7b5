// What somebody typed must survive being edited by fields: everything but the value stays.
import { describe, expect, test } from "vitest";
import { insertFirst, lay, read, setAt, setField, wrong } from "./json";

const TEXT = `{
  "model": "gpt-4o",
  "temperature": 0.10,
  "seed": 12345678901234567890,
  "messages": [ {"role": "system", "content": "be {\\"brief\\"}"}, {"role": "user", "content": "hi"} ]
}`;

describe("reading", () => {
  test("finds values at any depth", () => {
    expect(read(TEXT, ["model"])).toBe("gpt-4o");
    expect(read(TEXT, ["messages", 0, "content"])).toBe('be {"brief"}');
    expect(read(TEXT, ["messages", 1, "role"])).toBe("user");
    expect([read(TEXT, ["messages", 2]), read(TEXT, ["model", "x"]), read(TEXT, ["nothing"]), read("", ["a"]), read("[1]", ["a"])]).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });
  test("a name that comes twice means its last value", () => expect(read('{"a":1,"a":2}', ["a"])).toBe(2));
  test("a text that is wrong further on is still read", () => expect(read('{"model": "m", "x": [1,', ["model"])).toBe("m"));
});

describe("setting", () => {
  test("changes the value and nothing else", () => {
    expect(setField(TEXT, "model", 'o"3')).toBe(TEXT.replace('"gpt-4o"', '"o\\"3"'));
    expect(setAt(TEXT, ["messages", 0, "content"], "be long")).toBe(TEXT.replace('"be {\\"brief\\"}"', '"be long"'));
    expect(setField(TEXT, "temperature", 1)).toBe(TEXT.replace("0.10", "1"));
  });
  test("adds what is missing at the beginning, in the text's own layout", () => {
    expect(setField('{"a":1}', "model", "m")).toBe('{"model": "m", "a":1}');
    expect(setField("{}", "model", "m")).toBe('{"model": "m"}');
    expect(setField('{\n  "a": 1\n}', "b", 2)).toBe('{\n  "b": 2,\n  "a": 1\n}');
    expect(setField("not json", "b", 2)).toBe("not json");
  });
  test("takes a field out with its comma", () => {
    expect(setField('{"a":1,"b":2}', "a", undefined)).toBe('{"b":2}');
    expect(setField('{"a":1, "b":2}', "b", undefined)).toBe('{"a":1}');
    expect(setField('{"a":1}', "a", undefined)).toBe("{}");
    expect(setField('{"a":"x:\\"y","b":"p\\"q: 1"}', "b", undefined)).toBe('{"a":"x:\\"y"}');
    expect(setField('{"a":1}', "z", undefined)).toBe('{"a":1}');
  });
  test("puts a first element into a list", () => {
    expect(insertFirst('{"m":[1]}', ["m"], 0)).toBe('{"m":[0, 1]}');
    expect(insertFirst('{"m":[]}', ["m"], 0)).toBe('{"m":[0]}');
    expect(insertFirst('{"m":1}', ["m"], 0)).toBe('{"m":1}');
  });
});

test("says where a text is wrong", () => {
  expect(wrong(TEXT)).toBeNull();
  expect(wrong('{\n  "a": 1,\n  oops\n}')).toMatchObject({ line: 3 });
  expect(wrong("")).toMatchObject({ line: 1, column: 1 });
});

test("lays JSON out without touching a value", () => {
  expect(lay('{"a":1.50,"b":[],"c":{ },"d":["x, {y}",12345678901234567890,null]}')).toBe(`{
  "a": 1.50,
  "b": [],
  "c": {},
  "d": [
    "x, {y}",
    12345678901234567890,
    null
  ]
}`);
  expect(lay(lay(TEXT))).toBe(lay(TEXT));
  expect(JSON.parse(lay(TEXT))).toEqual(JSON.parse(TEXT));
  expect([lay("not json"), lay("3")]).toEqual(["not json", "3"]);
});
