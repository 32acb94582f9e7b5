import { expect, test } from "vitest";
import { friendly, withModel, withSystem, withTemperature } from "./friendly";

const chat = '{"model":"m","messages":[{"role":"user","content":"hi"}]}';

test("each dialect's system prompt is found where it stands", () => {
  expect(friendly('{"messages":[{"role":"developer","content":"be brief"}]}', "chat").system).toBe("be brief");
  expect(friendly('{"system":"be brief"}', "anthropic").system).toBe("be brief");
  expect(friendly('{"instructions":"be brief","input":"x"}', "responses").system).toBe("be brief");
  expect(friendly(chat, "chat")).toEqual({ model: "m", temperature: null, system: "" });
  // Parts with cache marks are not plain text: the JSON below is for them.
  expect(friendly('{"system":[{"type":"text","text":"x"}]}', "anthropic").system).toBeNull();
  expect(friendly('{"input":"x"}', "embeddings").system).toBeNull();
});

test("changes go into the text and nowhere else", () => {
  expect(withModel(chat, "o")).toBe(chat.replace('"m"', '"o"'));
  expect(withTemperature(chat, 0.5)).toBe(`{"temperature": 0.5, ${chat.slice(1)}`);
  expect(withTemperature(withTemperature(chat, 0.5), null)).toBe(chat);
  expect(withSystem(chat, "chat", "short")).toBe('{"model":"m","messages":[{"role":"system","content":"short"}, {"role":"user","content":"hi"}]}');
  expect(withSystem(withSystem(chat, "chat", "short"), "chat", "long")).toContain('"content":"long"');
  expect(withSystem('{"system":"a","model":"m"}', "anthropic", "")).toBe('{"model":"m"}');
  expect(withSystem(chat, "embeddings", "x")).toBe(chat);
});
