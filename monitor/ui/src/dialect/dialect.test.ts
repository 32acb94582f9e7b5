import { describe, expect, test } from "vitest";
import { assembler, converse, dialectOf, readAnswer, readRequest } from ".";
import { readJson } from "./partial";
import { SseSplitter } from "./sse";

describe("which dialect", () => {
  test.each([
    ["/v1/chat/completions", {}, "chat"], ["/api/chat/completions", {}, "chat"], ["/v1/completions", {}, "completions"],
    ["/v1/messages", {}, "anthropic"], ["/v1/responses", {}, "responses"], ["/v1/embeddings", {}, "embeddings"],
    ["/openai/deployments/x/chat/completions", {}, "chat"], ["/custom", { model: "m", messages: [] }, "chat"], ["/v1/models", undefined, null],
  ])("%s", (path, body, expected) => expect(dialectOf(path, body)).toBe(expected));
});

describe("events", () => {
  const text = 'event: a\ndata: {"x":1}\n\n: comment\r\ndata: one\r\ndata: two\r\n\r\ndata:[DONE]\n\n';
  const expected = [{ event: "a", data: '{"x":1}' }, { event: null, data: "one\ntwo" }, { event: null, data: "[DONE]" }];
  test("whole", () => expect(new SseSplitter().push(text)).toEqual(expected));
  test("in pieces of every size", () => {
    for (let n = 1; n < 9; n++) {
      const s = new SseSplitter();
      const out = [];
      for (let i = 0; i < text.length; i += n) out.push(...s.push(text.slice(i, i + n)));
      expect(out).toEqual(expected);
    }
  });
});

const chatStream = (deltas: unknown[]) => deltas.map((delta) => JSON.stringify({ choices: [{ index: 0, delta }] }));

describe("streamed answers", () => {
  test("chat: text, reasoning, tool calls in pieces", () => {
    const a = assembler("chat")!;
    for (const d of chatStream([
      { role: "assistant", content: "" }, { reasoning_content: "想" }, { reasoning_content: "一想" }, { content: "你" }, { content: "好" },
      { tool_calls: [{ index: 0, id: "c1", function: { name: "get", arguments: "" } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] }, { tool_calls: [{ index: 0, function: { arguments: ":1}" } }, { index: 1, id: "c2", function: { name: "put", arguments: "{}" } }] },
    ])) a.push(d, null);
    a.push(JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] }), null);
    a.push("not json", null);
    a.push("[DONE]", null);
    expect(a.turns()).toEqual([{ role: "assistant", from: "response", finish: "tool_calls", parts: [
      { kind: "reasoning", text: "想一想" }, { kind: "text", text: "你好" },
      { kind: "call", id: "c1", name: "get", args: '{"a":1}' }, { kind: "call", id: "c2", name: "put", args: "{}" },
    ] }]);
  });

  test("chat: several choices stay apart", () => {
    const a = assembler("chat")!;
    for (const [index, content] of [[0, "a"], [1, "x"], [0, "b"], [1, "y"]]) a.push(JSON.stringify({ choices: [{ index, delta: { content } }] }), null);
    expect(a.turns().map((t) => [t.choice, t.parts])).toEqual([[0, [{ kind: "text", text: "ab" }]], [1, [{ kind: "text", text: "xy" }]]]);
  });

  test("anthropic: thinking, text, tool input by block", () => {
    const a = assembler("anthropic")!;
    for (const e of [
      { type: "message_start", message: { role: "assistant", content: [] } }, { type: "ping" },
      { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "hm" } },
      { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Hi" } },
      { type: "content_block_start", index: 2, content_block: { type: "tool_use", id: "t1", name: "grep", input: {} } },
      { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '{"q":' } },
      { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '"x"}' } },
      { type: "message_delta", delta: { stop_reason: "tool_use" } },
    ]) a.push(JSON.stringify(e), e.type);
    expect(a.turns()).toEqual([{ role: "assistant", from: "response", finish: "tool_use", parts: [
      { kind: "reasoning", text: "hm" }, { kind: "text", text: "Hi" }, { kind: "call", id: "t1", name: "grep", args: '{"q":"x"}' },
    ] }]);
    a.push(JSON.stringify({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }), "error");
    expect(a.error).toEqual({ message: "Overloaded", code: "overloaded_error" });
  });

  test("responses: deltas, then the final word", () => {
    const a = assembler("responses")!;
    for (const e of [
      { type: "response.output_item.added", output_index: 0, item: { type: "reasoning", summary: [] } },
      { type: "response.reasoning_summary_text.delta", output_index: 0, summary_index: 0, delta: "why" },
      { type: "response.output_item.added", output_index: 1, item: { type: "message", role: "assistant", content: [] } },
      { type: "response.output_text.delta", output_index: 1, content_index: 0, delta: "25 " },
      { type: "response.output_text.delta", output_index: 1, content_index: 0, delta: "primes" },
    ]) a.push(JSON.stringify(e), e.type);
    expect(a.turns()[0]!.parts).toEqual([{ kind: "reasoning", text: "why" }, { kind: "text", text: "25 primes" }]);
    a.push(JSON.stringify({ type: "response.completed", response: { status: "completed", output: [{ type: "message", role: "assistant", content: [{ type: "output_text", text: "25 primes." }] }] } }), null);
    expect(a.turns()).toEqual([{ role: "assistant", from: "response", finish: "completed", parts: [{ kind: "text", text: "25 primes." }] }]);
  });

  test("completions join their texts", () => {
    const a = assembler("completions")!;
    a.push(JSON.stringify({ choices: [{ index: 0, text: "a" }] }), null);
    a.push(JSON.stringify({ choices: [{ index: 0, text: "b", finish_reason: "stop" }] }), null);
    expect(a.turns()).toEqual([{ role: "assistant", from: "response", finish: "stop", parts: [{ kind: "text", text: "ab" }] }]);
  });
});

describe("requests and whole answers", () => {
  test("chat: results stand under their calls, images keep their size", () => {
    const r = readRequest("/v1/chat/completions", JSON.stringify({
      model: "m", temperature: 0, tools: [{ type: "function", function: { name: "get", description: "d" } }],
      messages: [
        { role: "user", content: [{ type: "text", text: "hi" }, { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }, { type: "image_url", image_url: { url: "https://x/y.png" } }] },
        { role: "assistant", tool_calls: [{ id: "1", function: { name: "get", arguments: "{}" } }, { id: "2", function: { name: "get", arguments: "{}" } }] },
        { role: "tool", tool_call_id: "1", content: "one" }, { role: "tool", tool_call_id: "9", content: "orphan" },
      ],
    }))!;
    expect(r.tools).toEqual([{ name: "get", description: "d" }]);
    expect(r.parameters).toEqual([["temperature", "0"]]);
    const turns = converse(r.turns, readAnswer("chat", JSON.stringify({ choices: [{ message: { role: "assistant", content: "ok" }, finish_reason: "stop" }] })).turns);
    expect(turns.map((t) => t.role)).toEqual(["user", "assistant", "tool", "assistant"]);
    expect(turns[0]!.parts[1]).toEqual({ kind: "image", url: "data:image/png;base64,AAAA", mime: "image/png", bytes: 3 });
    expect(turns[0]!.parts[2]).toMatchObject({ mime: null, bytes: null });
    expect(turns[1]!.parts).toMatchObject([{ id: "1", result: { parts: [{ text: "one" }] } }, { id: "2" }]);
    expect(turns[2]!.parts).toMatchObject([{ kind: "result", id: "9" }]);
  });

  test("anthropic: system, blocks, results out of the user's mouth", () => {
    const r = readRequest("/v1/messages", JSON.stringify({
      model: "c", system: "be", messages: [
        { role: "user", content: "q" },
        { role: "assistant", content: [{ type: "thinking", thinking: "t" }, { type: "tool_use", id: "u", name: "n", input: { a: 1 } }, { type: "redacted_thinking", data: "x" }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "u", is_error: true, content: [{ type: "text", text: "bad" }] }] },
      ],
    }))!;
    const turns = converse(r.turns, []);
    expect(turns.map((t) => t.role)).toEqual(["system", "user", "assistant"]);
    expect(turns[2]!.parts).toMatchObject([{ kind: "reasoning" }, { kind: "call", args: '{"a":1}', result: { failed: true, parts: [{ text: "bad" }] } }, { hidden: true }]);
  });

  test("responses: instructions, items, joined assistant", () => {
    const r = readRequest("/v1/responses", JSON.stringify({ model: "o", instructions: "terse", input: "hi" }))!;
    expect(r.turns.map((t) => t.role)).toEqual(["system", "user"]);
    const { turns } = readAnswer("responses", JSON.stringify({ status: "completed", output: [{ type: "reasoning", summary: [] }, { type: "function_call", call_id: "1", name: "f", arguments: "{}" }] }));
    expect(turns).toMatchObject([{ role: "assistant", parts: [{ hidden: true }, { kind: "call" }] }]);
  });

  test("embeddings and completions", () => {
    expect(readRequest("/v1/embeddings", JSON.stringify({ model: "e", input: ["a", "b"] }))!.turns).toHaveLength(2);
    expect(readRequest("/v1/embeddings", JSON.stringify({ model: "e", input: [1, 2] }))!.turns).toMatchObject([{ parts: [{ kind: "data" }] }]);
    expect(readAnswer("embeddings", JSON.stringify({ data: [{ embedding: [1, 2, 3] }, { embedding: [1, 2, 3] }] })).turns[0]!.parts[0]).toMatchObject({ count: 2, dimensions: 3 });
    expect(readRequest("/v1/completions", JSON.stringify({ model: "e", prompt: "p" }))!.turns).toMatchObject([{ role: "prompt" }]);
  });

  test("errors in any shape", () => {
    expect(readAnswer("chat", '{"error":{"message":"no","code":"x"}}').error).toEqual({ message: "no", code: "x" });
    expect(readAnswer("anthropic", '{"type":"error","error":{"type":"t","message":"no"}}').error).toEqual({ message: "no", code: "t" });
    expect(readAnswer("chat", '{"error":"plain"}').error).toEqual({ message: "plain", code: null });
  });

  test("odd shapes never throw", () => {
    for (const body of ["", "null", "[]", "1", '{"messages":5}', '{"messages":[null,1,"x",{"content":[null,{"type":7}]}]}', '{"choices":[null,{"message":{"tool_calls":[null]}}]}', '{"output":[null,5]}', '{"data":[{}]}']) {
      for (const path of ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/completions", "/v1/embeddings"]) {
        const r = readRequest(path, body)!;
        converse(r.turns, readAnswer(r.dialect, body).turns);
        const a = assembler(r.dialect);
        a?.push(body, null);
        a?.turns();
      }
    }
  });
});

describe("JSON that was cut off", () => {
  const whole = '{"model":"m","messages":[{"role":"user","content":"say \\"hi\\" \\u4f60"},{"role":"assistant","content":["a",1,true,null]}],"n":12}';
  test("at every place gives a value or nothing, never a throw", () => {
    for (let i = 1; i < whole.length; i++) {
      const r = readJson(whole.slice(0, i));
      expect(r === null || typeof r.value === "object").toBe(true);
    }
    expect(readJson(whole)).toMatchObject({ whole: true });
  });
  test("keeps the text it was cut in", () => {
    const cut = whole.slice(0, whole.indexOf("hi") + 1);
    expect(readJson(cut)).toEqual({ whole: false, value: { model: "m", messages: [{ role: "user", content: 'say "h' }] } });
  });
});
