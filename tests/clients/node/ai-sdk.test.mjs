// The Vercel AI SDK is served by providers of every kind.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, embedMany, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { AZURE, CLAUDE, Managed } from "./managed.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;

let managed, makers;

before(async () => {
  managed = await Managed.start();
  const ours = { baseURL: `${managed.url}/v1`, apiKey: managed.token };
  const openai = createOpenAI(ours);
  makers = {
    compatible: createOpenAICompatible({ name: "glassway", includeUsage: true, supportsStructuredOutputs: true, ...ours }),
    chat: openai.chat,
    responses: openai.responses,
    anthropic: createAnthropic(ours),
    openai,
  };
});

after(() => managed.stop());

const prompt = "Weather in Lisbon and the time?";
const all = [...CLAUDE, ...AZURE, "gpt-4o"];
const cases = [
  ...all.map((model) => ["compatible", model]),
  ...all.map((model) => ["chat", model]),
  ...all.map((model) => ["responses", model]),
  ...["gpt-4o", "gpt-5.2", "deepseek-reasoner", ...AZURE, "claude-sonnet-4-5"].map((model) => ["anthropic", model]),
];

for (const [maker, name] of cases) {
  describe(`AI SDK, ${maker}, over ${name}`, () => {
    const model = () => makers[maker](name);

    it("generates text", async () => {
      const got = await generateText({ model: model(), system: "Be brief.", prompt, maxRetries: 0, maxOutputTokens: 2000 });
      assert.ok(got.text.length > 50);
      assert.equal(got.finishReason, "stop");
      const exchange = await managed.exchange(got.response.headers);
      assert.equal(exchange.outcome, "ok");
      assert.equal(got.usage.outputTokens, exchange.usage.completion_tokens);
      assert.equal(got.usage.inputTokens, exchange.usage.prompt_tokens);
    });

    it("streams text", async () => {
      const got = streamText({ model: model(), prompt, maxRetries: 0, onError: ({ error }) => assert.fail(error) });
      let text = "";
      for await (const piece of got.textStream) text += piece;
      assert.ok(text.length > 50);
      assert.equal(await got.finishReason, "stop");
      assert.ok((await got.usage).outputTokens > 10);
    });

    for (const streaming of [false, true]) {
      it(`runs tools to the end, ${streaming ? "streaming" : "whole"}`, async () => {
        const called = [];
        const of = (name, inputSchema) =>
          tool({
            description: name,
            inputSchema,
            execute: async (input) => {
              called.push([name, input]);
              return { degrees: 21 };
            },
          });
        const tools = {
          get_weather: of("get_weather", z.object({ city: z.string(), unit: z.string().optional() })),
          clock: of("clock", z.object({})),
        };
        const wish = { model: model(), prompt, tools, stopWhen: stepCountIs(4), maxRetries: 0 };
        const got = streaming ? streamText({ ...wish, onError: ({ error }) => assert.fail(error) }) : await generateText(wish);
        assert.ok((await got.text).length > 50);
        assert.equal((await got.steps).length, 2);
        assert.deepEqual(called.map(([name]) => name).sort(), ["clock", "get_weather"]);
        assert.equal(called.find(([name]) => name === "get_weather")[1].city, "Lisbon");
      });
    }

    it("answers by a schema", async () => {
      const schema = z.object({ city: z.string(), degrees: z.number().int() });
      const got = await generateText({ model: model(), prompt, output: Output.object({ schema }), maxRetries: 0 });
      assert.deepEqual(got.output, { city: "Lisbon", degrees: 21 });
    });
  });
}

describe("AI SDK, beside texts", () => {
  it("reads thoughts", async () => {
    const budget = { anthropic: { thinking: { type: "enabled", budgetTokens: 2000 } } };
    const thinking = await generateText({ model: makers.anthropic("deepseek-reasoner"), prompt, providerOptions: budget, maxRetries: 0 });
    assert.match(thinking.reasoningText, /short answer/);
    const effort = { glassway: { reasoningEffort: "medium" } };
    const reasoning = await generateText({ model: makers.compatible("claude-sonnet-4-5"), prompt, providerOptions: effort, maxRetries: 0 });
    assert.match(reasoning.reasoningText, /short answer/);
  });

  it("embeds", async () => {
    const got = await embedMany({ model: makers.openai.embedding("text-embedding-3-small"), values: ["a", "b"], maxRetries: 0 });
    assert.deepEqual(got.embeddings.map((one) => one.length), [16, 16]);
  });
});
