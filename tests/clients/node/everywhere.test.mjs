// The official SDKs of npm are served by providers of every kind.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI, { toFile } from "openai";
import { AZURE, CLAUDE, Managed, OPENAI } from "./managed.mjs";

let managed, openai, anthropic;

before(async () => {
  managed = await Managed.start();
  openai = new OpenAI({ baseURL: `${managed.url}/v1`, apiKey: managed.token, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: managed.url, apiKey: managed.token, maxRetries: 0 });
});

after(() => managed.stop());

const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const ask = [{ role: "user", content: "Weather in Lisbon and the time?" }];
const tools = [
  { type: "function", function: { name: "get_weather", parameters: schema } },
  { type: "function", function: { name: "clock", parameters: { type: "object", properties: {} } } },
];

for (const model of [...CLAUDE, ...AZURE, "gpt-4o"]) {
  describe(`OpenAI for Node over ${model}`, () => {
    it("chats", async () => {
      const { data, response } = await openai.chat.completions.create({ model, messages: ask }).withResponse();
      assert.ok(data.choices[0].message.content.length > 50);
      const exchange = await managed.exchange(response.headers);
      assert.equal(exchange.outcome, "ok");
      assert.equal(exchange.usage.completion_tokens, data.usage.completion_tokens);
    });

    it("streams", async () => {
      const stream = openai.chat.completions.stream({ model, messages: ask, stream_options: { include_usage: true } });
      const kinds = new Set();
      for (const kind of ["content", "content.done", "chunk", "finalChatCompletion"]) stream.on(kind, () => kinds.add(kind));
      const final = await stream.finalChatCompletion();
      assert.ok(final.choices[0].message.content.length > 50);
      assert.ok((await stream.totalUsage()).completion_tokens > 10);
      assert.deepEqual([...kinds].sort(), ["chunk", "content", "content.done", "finalChatCompletion"]);
    });

    it("runs tools to the end", async () => {
      const called = [];
      const run = (name) => (input) => {
        called.push([name, input]);
        return "21 C";
      };
      for (const stream of [false, true]) {
        const runner = openai.chat.completions.runTools({
          model,
          stream,
          messages: ask,
          tools: tools.map((tool) => ({ ...tool, function: { ...tool.function, parse: JSON.parse, function: run(tool.function.name) } })),
        });
        assert.ok((await runner.finalContent()).length > 50);
      }
      assert.deepEqual(called.map(([name]) => name), ["get_weather", "clock", "get_weather", "clock"]);
      assert.equal(called[0][1].city, "Lisbon");
      assert.deepEqual(called[1][1], {});
    });

    it("answers by a schema", async () => {
      const strict = { ...schema, additionalProperties: false };
      const response_format = { type: "json_schema", json_schema: { name: "reading", strict: true, schema: strict } };
      const got = await openai.chat.completions.parse({ model, messages: ask, response_format });
      assert.deepEqual(got.choices[0].message.parsed ?? JSON.parse(got.choices[0].message.content), { city: "Lisbon" });
    });

    it("speaks the responses API", async () => {
      const stream = openai.responses.stream({ model, input: "hello" });
      let text = "";
      stream.on("response.output_text.delta", (event) => (text += event.delta));
      const final = await stream.finalResponse();
      assert.equal(final.output_text, text);
      assert.ok(text.length > 50);
      assert.equal(final.status, "completed");
    });
  });
}

for (const model of [...OPENAI.slice(0, 3), ...AZURE, "claude-sonnet-4-5"]) {
  describe(`Anthropic for Node over ${model}`, () => {
    it("streams", async () => {
      const stream = anthropic.messages.stream({ model, max_tokens: 2000, messages: ask });
      let text = "";
      stream.on("text", (delta) => (text += delta));
      const final = await stream.finalMessage();
      assert.equal(final.content.at(-1).text, text);
      assert.ok(final.usage.output_tokens > 10);
      assert.equal(final.stop_reason, "end_turn");
      const exchange = await managed.exchange(stream.response.headers);
      assert.equal(exchange.outcome, "ok");
      assert.equal(exchange.usage.completion_tokens, final.usage.output_tokens);
    });

    it("runs tools to the end", async () => {
      const called = [];
      const tool = (name, input_schema) => ({
        name,
        description: name,
        input_schema,
        parse: (input) => input,
        run: (input) => {
          called.push([name, input]);
          return "21 C";
        },
      });
      const final = await anthropic.beta.messages.toolRunner({
        model,
        max_tokens: 2000,
        messages: ask,
        tools: [tool("get_weather", schema), tool("clock", { type: "object", properties: {} })],
      });
      assert.equal(final.stop_reason, "end_turn");
      assert.deepEqual(called.map(([name]) => name), ["get_weather", "clock"]);
      assert.equal(called[0][1].city, "Lisbon");
      assert.deepEqual(called[1][1], {});
    });
  });
}

describe("what is not well", () => {
  it("a stream that breaks off is an error", async () => {
    await assert.rejects(async () => {
      for await (const _ of await openai.chat.completions.create({ model: "claude-sonnet-4-5-cut", messages: ask, stream: true }));
    }, OpenAI.APIError);
    await assert.rejects(anthropic.messages.stream({ model: "gpt-4o-cut", max_tokens: 9, messages: ask }).finalMessage(), Anthropic.APIError);
  });

  it("what Anthropic lacks is refused by its name", async () => {
    const refused = openai.chat.completions.create({ model: "claude-sonnet-4-5", messages: ask, logprobs: true });
    await assert.rejects(refused, (e) => e instanceof OpenAI.BadRequestError && e.code === "unsupported_parameter" && e.param === "logprobs");
  });

  it("a form keeps its bytes", async () => {
    const file = await toFile(Buffer.from([0, 255, 13, 10, 45, 45]), "a.wav");
    const upload = openai.audio.transcriptions.create({ model: "whisper-1", file });
    await assert.rejects(upload, (e) => e.code === "unknown_model");
  });
});
