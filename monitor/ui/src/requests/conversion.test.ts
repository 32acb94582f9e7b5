// A mark in the list must never claim a conversion that did not take place.
import { expect, test } from "vitest";
import { conversionOf, shortOf } from "./conversion";

const kinds = { openai: "openai", anthropic: "anthropic", azure: "azure" } as const;
const of = (path: string, provider: string | null, over = {}) => conversionOf({ mode: "managed", method: "POST", path, provider, ...over }, (name) => kinds[name as "openai"]);

test("the client's API against the provider's", () => {
  expect(of("/v1/messages", "openai")).toEqual(["messages", "chat"]);
  expect(of("/v1/messages", "azure")).toEqual(["messages", "chat"]);
  expect(of("/v1/chat/completions", "anthropic")).toEqual(["chat", "messages"]);
  expect(of("/api/chat/completions", "anthropic")).toEqual(["chat", "messages"]);
  expect(of("/v1/messages", "anthropic")).toBeNull();
  expect(of("/v1/chat/completions", "openai")).toBeNull();
});

test("nothing is claimed of a provider's own path, of transparent calls, or of providers that are gone", () => {
  expect(of("/api/proxy/anthropic/v1/chat/completions", "anthropic")).toBeNull();
  expect(of("/v1/messages", "openai", { mode: "transparent" })).toBeNull();
  expect(of("/v1/messages", "renamed")).toBeNull();
  expect(of("/v1/messages", null)).toBeNull();
});

test("vendors by name, and two of one vendor by their APIs", () => {
  const short = { chat: "openai", messages: "anthropic", responses: "responses", other: "" };
  expect([shortOf(["messages", "chat"], short), shortOf(["responses", "chat"], short)]).toEqual(["anthropic → openai", "responses → chat"]);
});
