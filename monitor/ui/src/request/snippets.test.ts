// Code to paste must be what the vendor's documents show, hold no secret, and run nothing that was
// recorded.
import { curl } from "./snippets";
import { expect, test } from "vitest";
import { baseOf, node, python, type Source } from "./snippets";

const source = (over: Partial<Source> = {}): Source => ({
  method: "POST", target: "/v1/chat/completions", base: "http://127.0.0.1:8080", dialect: "chat",
  headers: [["Authorization", "Bearer sk-…wxyz"], ["Content-Type", "application/json"], ["User-Agent", "x"], ["OpenAI-Beta", "b"], ["X-Secret", "sk-…abcd"]],
  body: '{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}],"n":null,"x":false}', ...over,
});

test("the SDK's own call, the key from the environment", () => {
  expect(python(source())).toBe(`import os

from openai import OpenAI

client = OpenAI(
    base_url="http://127.0.0.1:8080/v1",
    api_key=os.environ["OPENAI_API_KEY"],
)

stream = client.chat.completions.create(
    model="gpt-4o",
    stream=True,
    messages=[
        {
            "role": "user",
            "content": "hi",
        },
    ],
    n=None,
    x=False,
    extra_headers={
        "OpenAI-Beta": "b",
    },
)

for event in stream:
    print(event)
`);
  expect(node(source({ headers: [] }))).toBe(`import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "http://127.0.0.1:8080/v1",
  apiKey: process.env.OPENAI_API_KEY,
});

const stream = await client.chat.completions.create({
  model: "gpt-4o",
  stream: true,
  messages: [
    {
      role: "user",
      content: "hi",
    },
  ],
  n: null,
  x: false,
});

for await (const event of stream) console.log(event);
`);
});

test("each dialect has its client and its base", () => {
  const claude = source({ target: "/v1/messages", dialect: "anthropic", body: '{"model":"claude","max_tokens":9,"messages":[]}' });
  expect(python(claude)).toContain('base_url="http://127.0.0.1:8080",');
  expect(python(claude)).toContain("client.messages.create(");
  expect(node(claude)).toContain('import Anthropic from "@anthropic-ai/sdk";');
  expect(node(source({ target: "/api/proxy/zhipu/v1/chat/completions" }))).toContain('"http://127.0.0.1:8080/api/proxy/zhipu/v1"');
  expect(python(source({ target: "/v1/responses", dialect: "responses", body: '{"model":"m","input":"x"}' }))).toContain("client.responses.create(");
});

test("what no SDK knows goes over plain HTTP", () => {
  const files = source({ method: "GET", target: "/v1/files?limit=2&key=…", dialect: null, body: "" });
  expect(python(files)).toContain('"http://127.0.0.1:8080/v1/files?limit=2"');
  expect(node(files)).toContain("fetch(");
  expect(python(source({ body: null }))).toContain('open("request-body", "rb")');
  expect(node(source({ target: "/v1/chat/completions?x=1" }))).toContain("fetch(");
});

test("no secret, and nothing recorded breaks out of its literal", () => {
  const hostile = '"""\'; import os; os.system("x") #\\\u2028`${process.exit()}`\u202e';
  const body = JSON.stringify({ model: hostile, [hostile]: hostile, __proto__x: 1, class: 1 });
  for (const make of [python, node]) {
    const code = make(source({ body, headers: [["X-Mine", hostile], ["Authorization", "Bearer sk-…wxyz"]] }));
    expect(code).not.toContain("…");
    expect(code).not.toMatch(/[\u2028\u202e]/);
    // Every quote of it is escaped: without its literals nothing of it is left.
    expect(code.replace(/"(?:[^"\\]|\\.)*"/g, "")).not.toMatch(/system|exit/);
  }
  const run = node(source({ body })).split("create(")[1]!.split(");\n")[0]!.split(", { headers")[0]!;
  // eslint-disable-next-line no-new-func -- the literal must read back as what it was made of
  expect(new Function(`return (${run})`)()).toEqual(JSON.parse(body));
});

test("a body's __proto__ stays a field", () => {
  const body = '{"__proto__": {"a": 1}, "model": "m"}';
  const run = node(source({ body, headers: [] })).split("create(")[1]!.split(");\n")[0]!;
  // eslint-disable-next-line no-new-func -- see above
  expect(JSON.stringify(new Function(`return (${run})`)())).toBe('{"__proto__":{"a":1},"model":"m"}');
});

test("the base comes from the gateway's own command", () => {
  expect(baseOf("curl 'http://10.0.0.1:9/v1/x' \\\n -H 'a'")).toBe("http://10.0.0.1:9");
  expect(baseOf("")).toBe("http://127.0.0.1:8080");
});

test("nothing of a request breaks out of the shell's quotes", () => {
  const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "it's $(rm -rf /) `x`\n'" }] });
  const made = curl({ method: "POST", target: "/v1/chat/completions", headers: [["content-type", "application/json"]], body, base: "http://127.0.0.1:8080", dialect: "chat" });
  // What is in quotes is taken as it stands; the pieces put together are the body.
  const quoted = /-d ('.*')\n$/s.exec(made)![1]!;
  expect(quoted.slice(1, -1).split(`'\\''`).join("'")).toBe(body);
  expect(quoted.slice(1, -1).split(`'\\''`).every((piece) => !piece.includes("'"))).toBe(true);
  expect(made).toContain(`curl 'http://127.0.0.1:8080/v1/chat/completions'`);
});
