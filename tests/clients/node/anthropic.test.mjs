// The official Anthropic SDK of npm works through Glassway as it does without.

import Anthropic from "@anthropic-ai/sdk";
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Glassway, Upstream, event, json, stream } from "./glassway.mjs";

const KEY = "sk-ant-node-0123456789abcdef";

let upstream, glassway, client, answer;

beforeEach(async () => {
  upstream = await Upstream.start((request, response) => answer(request, response));
  glassway = await Glassway.start(upstream);
  client = new Anthropic({ baseURL: glassway.url, apiKey: KEY, maxRetries: 0 });
});

afterEach(async () => {
  await glassway.stop();
  upstream.stop();
});

const message = (content, stop_reason = "end_turn", output_tokens = 4) => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude-sonnet-5-5-20260901",
  content,
  stop_reason,
  stop_sequence: null,
  usage: { input_tokens: 6, cache_read_input_tokens: 5, cache_creation_input_tokens: 0, output_tokens },
});

const question = { model: "claude-sonnet-5-5", max_tokens: 100, messages: [{ role: "user", content: "你好" }] };

/** Answers with a stream of one content block. */
const streamOf = (block, deltas, stop_reason) => (_, response) => {
  stream(response);
  const send = (data) => event(response, data, data.type);
  send({ type: "message_start", message: message([], null, 1) });
  send({ type: "content_block_start", index: 0, content_block: block });
  for (const delta of deltas) send({ type: "content_block_delta", index: 0, delta });
  send({ type: "content_block_stop", index: 0 });
  send({ type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 9 } });
  send({ type: "message_stop" });
  response.end();
};

describe("Anthropic for Node", () => {
  it("asks", async () => {
    answer = (_, response) => json(response, message([{ type: "text", text: "你好！" }]));
    const got = await client.messages.create(question);
    assert.equal(got.content[0].text, "你好！");
    assert.ok(upstream.requests[0].headers["anthropic-version"]);
    const [exchange] = await glassway.recorded(1);
    assert.equal(exchange.model, "claude-sonnet-5-5");
    assert.equal(exchange.usage.prompt_tokens, 11);
    assert.ok(!JSON.stringify(exchange).includes(KEY));
  });

  it("streams", async () => {
    const words = ["Hel", "lo ", "狐狸"];
    answer = streamOf({ type: "text", text: "" }, words.map((text) => ({ type: "text_delta", text })), "end_turn");
    const got = [];
    const running = client.messages.stream(question).on("text", (text) => got.push(text));
    const final = await running.finalMessage();
    assert.deepEqual(got, words);
    assert.equal(final.usage.output_tokens, 9);
    const [exchange] = await glassway.recorded(1);
    assert.equal(exchange.usage.completion_tokens, 9);
    assert.equal(exchange.events[0].event, "message_start");
  });

  it("streams tool calls", async () => {
    const deltas = ['{"city":', '"Lisbon"}'].map((partial_json) => ({ type: "input_json_delta", partial_json }));
    answer = streamOf({ type: "tool_use", id: "toolu_1", name: "get_weather", input: {} }, deltas, "tool_use");
    const tools = [{ name: "get_weather", input_schema: { type: "object", properties: {} } }];
    const final = await client.messages.stream({ ...question, tools }).finalMessage();
    assert.deepEqual(final.content[0].input, { city: "Lisbon" });
  });

  for (const [status, kind] of [[400, "BadRequestError"], [401, "AuthenticationError"], [429, "RateLimitError"], [529, "InternalServerError"]]) {
    it(`turns ${status} into ${kind}`, async () => {
      answer = (_, response) => json(response, { type: "error", error: { type: "x_error", message: "no" } }, status, { "request-id": "req_42" });
      await assert.rejects(client.messages.create(question), (error) => {
        assert.ok(error instanceof Anthropic[kind], `${error}`);
        assert.equal(error.requestID, "req_42");
        return true;
      });
    });
  }

  it("is told in its dialect that the upstream is away", async () => {
    upstream.stop();
    await assert.rejects(client.messages.create(question), (error) => {
      assert.equal(error.status, 502);
      assert.equal(error.error.error.type, "api_error");
      return true;
    });
  });
});
