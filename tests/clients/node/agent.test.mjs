// An agent in Claude's manner, as it sends its requests itself: `/v1/messages?beta=true`
// with thinking, cached prompts and several tools at once, turn after turn, over OpenAI's
// upstream; and over Anthropic's, where the same turns go through as they are.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Managed } from "./managed.mjs";

let managed;

before(async () => {
  managed = await Managed.start();
});

after(() => managed.stop());

const ephemeral = { cache_control: { type: "ephemeral" } };
const input_schema = { $schema: "https://json-schema.org/draft/2020-12/schema", type: "object", properties: {}, additionalProperties: false };
const tools = [
  { name: "read_file", description: "Read a file", input_schema: { ...input_schema, properties: { path: { type: "string" } }, required: ["path"] } },
  { name: "run_command", description: "Run it", input_schema: { ...input_schema, properties: { command: { type: "string" } } } },
  { name: "mcp__notes__list", description: "List notes", input_schema, ...ephemeral },
];

/** One turn: the request as agents make it, its events put together as they do. */
async function turn(model, thinking, messages) {
  const answer = await fetch(`${managed.url}/v1/messages?beta=true`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${managed.token}`,
      "anthropic-version": "2023-06-01",
      "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14",
      "anthropic-dangerous-direct-browser-access": "true",
      "x-app": "cli",
    },
    body: JSON.stringify({
      model,
      messages,
      system: [
        { type: "text", text: "You are an agent.", ...ephemeral },
        { type: "text", text: "Work in /repo.", ...ephemeral },
      ],
      tools,
      metadata: { user_id: `user_${"a".repeat(64)}_account__session_0199` },
      max_tokens: 32000,
      thinking,
      stream: true,
    }),
  });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  const events = text.split("\n\n").filter((frame) => frame && !frame.startsWith(":")).map((frame) => {
    const [name, data] = /^event: (.*)\ndata: (.*)$/.exec(frame).slice(1);
    const event = JSON.parse(data);
    assert.equal(event.type, name);
    return event;
  });
  return { ...assembled(events), exchange: await managed.exchange(answer.headers) };
}

/** The message of a stream; blocks come one after the other, each begun and ended. */
function assembled(events) {
  assert.equal(events[0].type, "message_start");
  assert.equal(events.at(-1).type, "message_stop");
  const message = { ...events[0].message, content: [] };
  let open = null;
  for (const event of events.slice(1, -1)) {
    if (event.type === "content_block_start") {
      assert.equal(open, null);
      assert.equal(event.index, message.content.length);
      open = { ...event.content_block };
      message.content.push(open);
      if (open.type === "tool_use") assert.deepEqual(open.input, {});
    } else if (event.type === "content_block_delta") {
      assert.equal(event.index, message.content.length - 1);
      const { delta } = event;
      if (delta.type === "text_delta") open.text += delta.text;
      else if (delta.type === "thinking_delta") open.thinking += delta.thinking;
      else if (delta.type === "signature_delta") open.signature = delta.signature;
      else if (delta.type === "input_json_delta") open.json = (open.json ?? "") + delta.partial_json;
      else assert.fail(`unexpected ${delta.type}`);
    } else if (event.type === "content_block_stop") {
      if (open.type === "tool_use") {
        open.input = JSON.parse(open.json || "{}");
        delete open.json;
      }
      open = null;
    } else if (event.type === "message_delta") {
      Object.assign(message, event.delta);
      message.usage = { ...message.usage, ...event.usage };
    } else assert.equal(event.type, "ping");
  }
  assert.equal(open, null);
  return { message };
}

const budget = { type: "enabled", budget_tokens: 31999 };
const cases = [
  ["gpt-4o", budget, []],
  ["gpt-5.2", budget, []],
  ["deepseek-reasoner", budget, ["thinking"]],
  ["azure-older", budget, []],
  ["azure-newer", budget, []],
  ["claude-sonnet-4-5", budget, ["thinking"]],
  ["claude-opus-4-8", { type: "adaptive" }, ["thinking"]],
];

for (const [model, thinking, thoughts] of cases) {
  describe(`a Claude-style agent over ${model}`, () => {
    it("works through several turns", async () => {
      const messages = [];
      for (const ask of ["Read the test and run it", "Fix it and run it again"]) {
        messages.push({ role: "user", content: [{ type: "text", text: `<system-reminder>${ask}</system-reminder>` }, { type: "text", text: ask, ...ephemeral }] });
        const called = await turn(model, thinking, messages);
        assert.equal(called.message.stop_reason, "tool_use");
        const uses = called.message.content.filter((block) => block.type === "tool_use");
        assert.deepEqual(uses.map((use) => use.name), ["read_file", "run_command"]);
        assert.equal(uses[0].input.path, "tests/server.rs");
        assert.equal(new Set(uses.map((use) => use.id)).size, 2);
        const kinds = called.message.content.map((block) => block.type);
        assert.deepEqual(kinds.filter((kind) => kind === "thinking"), thoughts);
        messages.push({ role: "assistant", content: called.message.content });
        messages.push({
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: uses[0].id, content: [{ type: "text", text: "fn main() {}" }] },
            { type: "tool_result", tool_use_id: uses[1].id, content: "exit code 101", is_error: true, ...ephemeral },
          ],
        });
        const said = await turn(model, thinking, messages);
        assert.equal(said.message.stop_reason, "end_turn");
        assert.ok(said.message.content.at(-1).text.length > 50);
        messages.push({ role: "assistant", content: said.message.content });
        for (const { message, exchange } of [called, said]) {
          assert.equal(exchange.outcome, "ok");
          assert.equal(exchange.usage.completion_tokens, message.usage.output_tokens);
          const { input_tokens, cache_read_input_tokens: read, cache_creation_input_tokens: written } = message.usage;
          assert.equal(exchange.usage.prompt_tokens, input_tokens + (read ?? 0) + (written ?? 0));
        }
      }
    });
  });
}
