// The official OpenAI SDK of npm works through Glassway as it does without.

import assert from "node:assert/strict";
import { after, afterEach, beforeEach, describe, it } from "node:test";
import OpenAI from "openai";
import { Glassway, Upstream, event, json, stream } from "./glassway.mjs";

const KEY = "sk-node-0123456789abcdef";
const USAGE = { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 };

let upstream, glassway, client, answer;

beforeEach(async () => {
  upstream = await Upstream.start((request, response) => answer(request, response));
  glassway = await Glassway.start(upstream);
  client = new OpenAI({ baseURL: `${glassway.url}/v1`, apiKey: KEY, maxRetries: 0 });
});

afterEach(async () => {
  await glassway.stop();
  upstream.stop();
});

const completion = (message, finish_reason = "stop") => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o-2024-08-06",
  choices: [{ index: 0, message, finish_reason, logprobs: null }],
  usage: USAGE,
});

const chunk = (delta, finish_reason = null) => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "gpt-4o-2024-08-06",
  choices: [{ index: 0, delta, finish_reason }],
});

const messages = [{ role: "user", content: "打个招呼" }];

describe("OpenAI for Node", () => {
  it("chats", async () => {
    answer = (_, response) => json(response, completion({ role: "assistant", content: "你好！" }));
    const got = await client.chat.completions.create({ model: "gpt-4o", messages });
    assert.equal(got.choices[0].message.content, "你好！");
    assert.equal(upstream.requests[0].headers.authorization, `Bearer ${KEY}`);
    const [exchange] = await glassway.recorded(1);
    assert.equal(exchange.outcome, "ok");
    assert.equal(exchange.model, "gpt-4o");
    assert.match(exchange.request.body, /打个招呼/);
    assert.ok(!JSON.stringify(exchange).includes(KEY));
  });

  it("streams", async () => {
    const words = ["Hel", "lo", " 狐", "狸"];
    answer = (_, response) => {
      stream(response);
      for (const word of words) event(response, chunk({ content: word }));
      event(response, chunk({}, "stop"));
      event(response, { ...chunk({}), choices: [], usage: USAGE });
      event(response, "[DONE]");
      response.end();
    };
    const got = [];
    const parts = await client.chat.completions.create({ model: "gpt-4o", messages, stream: true, stream_options: { include_usage: true } });
    for await (const part of parts) got.push(...part.choices.map((choice) => choice.delta.content ?? ""));
    assert.equal(got.join(""), words.join(""));
    const [exchange] = await glassway.recorded(1);
    assert.equal(exchange.stream, true);
    assert.equal(exchange.usage.completion_tokens, 4);
    assert.equal(exchange.events.length, 7);
  });

  it("calls tools", async () => {
    const call = { id: "call_1", type: "function", function: { name: "get_weather", arguments: '{"city":"Lisbon"}' } };
    answer = (request, response) =>
      request.body.messages.at(-1).role === "tool"
        ? json(response, completion({ role: "assistant", content: "Sunny." }))
        : json(response, completion({ role: "assistant", content: null, tool_calls: [call] }, "tool_calls"));
    const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object", properties: {} } } }];
    const first = await client.chat.completions.create({ model: "gpt-4o", messages, tools });
    const result = { role: "tool", tool_call_id: first.choices[0].message.tool_calls[0].id, content: "21 C" };
    const second = await client.chat.completions.create({ model: "gpt-4o", messages: [...messages, first.choices[0].message, result], tools });
    assert.equal(second.choices[0].message.content, "Sunny.");
    assert.equal((await glassway.recorded(2)).length, 2);
  });

  it("uploads files", async () => {
    const content = "狐狸\n".repeat(10_000);
    let received;
    upstream.stop();
    await glassway.stop();
    const { createServer } = await import("node:http");
    const server = createServer(async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      received = Buffer.concat(parts).toString();
      json(response, { id: "file-1", object: "file", bytes: content.length, created_at: 1, filename: "a.txt", purpose: "assistants" });
    }).listen(0, "127.0.0.1");
    after(() => server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    glassway = await Glassway.start({ url: `http://127.0.0.1:${server.address().port}` });
    client = new OpenAI({ baseURL: `${glassway.url}/v1`, apiKey: KEY, maxRetries: 0 });
    const file = await OpenAI.toFile(Buffer.from(content), "a.txt");
    assert.equal((await client.files.create({ file, purpose: "assistants" })).id, "file-1");
    assert.ok(received.includes(content));
    const [exchange] = await glassway.recorded(1);
    assert.equal(exchange.path, "/v1/files");
    server.closeAllConnections();
  });

  for (const [status, kind] of [[400, "BadRequestError"], [401, "AuthenticationError"], [404, "NotFoundError"], [429, "RateLimitError"], [500, "InternalServerError"]]) {
    it(`turns ${status} into ${kind}`, async () => {
      answer = (_, response) => json(response, { error: { message: "no", type: "x", code: "some_code" } }, status, { "x-request-id": "req_42" });
      await assert.rejects(client.chat.completions.create({ model: "gpt-4o", messages }), (error) => {
        assert.ok(error instanceof OpenAI[kind], `${error}`);
        assert.equal(error.code, "some_code");
        assert.equal(error.requestID, "req_42");
        return true;
      });
    });
  }

  it("retries as it is told", async () => {
    let n = 0;
    answer = (_, response) =>
      ++n < 3
        ? json(response, { error: { message: "slow down" } }, n === 1 ? 429 : 503, { "retry-after-ms": "5" })
        : json(response, completion({ role: "assistant", content: "third time" }));
    const patient = client.withOptions({ maxRetries: 2 });
    const got = await patient.chat.completions.create({ model: "gpt-4o", messages });
    assert.equal(got.choices[0].message.content, "third time");
    assert.deepEqual((await glassway.recorded(3)).map((e) => e.status), [429, 503, 200]);
  });

  it("leaves a stream early", async () => {
    answer = (_, response) => {
      stream(response);
      event(response, chunk({ content: "first" })); // and never ends
    };
    const parts = await client.chat.completions.create({ model: "gpt-4o", messages, stream: true });
    for await (const part of parts) {
      assert.equal(part.choices[0].delta.content, "first");
      break;
    }
    const [exchange] = await glassway.recorded(1);
    assert.equal(exchange.outcome, "client_closed");
  });
});
