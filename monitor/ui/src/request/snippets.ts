// A recorded request as code to paste: the vendor's own SDK where it has this call, plain HTTP
// where not. A credential is never in it; it comes from the environment. Nothing of the record can
// break out of the literal it stands in.

import type { Conversation } from "../dialect";
import { isObject } from "../dialect/types";

export interface Source {
  method: string;
  /** With its query. */
  target: string;
  headers: readonly (readonly string[])[];
  /** null: it is not text, or not all here. */
  body: string | null;
  dialect: Conversation["dialect"] | null;
  /** Where clients reach the proxy. */
  base: string;
}

const OWN = /^(host|content-length|content-encoding|transfer-encoding|connection|accept-encoding|authorization|x-api-key|api-key|x-goog-api-key|cookie|user-agent|accept|content-type|proxy-authorization|expect|te|x-stainless-.*|anthropic-version)$/i;
/** What somebody set on purpose. */
const extra = (s: Source) => s.headers.filter(([name, value]) => !OWN.test(name!) && !value!.includes("…")).map(([name, value]) => [name!, value!] as const);

interface Call { client: "openai" | "anthropic"; python: string; node: string }
const CALLS: Partial<Record<Conversation["dialect"], Call>> = {
  chat: { client: "openai", python: "chat.completions.create", node: "chat.completions.create" },
  responses: { client: "openai", python: "responses.create", node: "responses.create" },
  completions: { client: "openai", python: "completions.create", node: "completions.create" },
  embeddings: { client: "openai", python: "embeddings.create", node: "embeddings.create" },
  anthropic: { client: "anthropic", python: "messages.create", node: "messages.create" },
};

/** The SDK's call for it, where it is one it knows. */
function callOf(s: Source): { call: Call; body: Record<string, unknown>; base: string } | null {
  const call = s.dialect && CALLS[s.dialect];
  const path = s.target.split("?")[0]!;
  const plain = /^(.*?)\/(chat\/completions|responses|completions|embeddings|messages)$/.exec(path);
  if (!call || !plain || s.method !== "POST" || s.body === null || path !== s.target) return null;
  try {
    const body: unknown = JSON.parse(s.body);
    if (!isObject(body)) return null;
    // The Anthropic SDK adds /v1 itself.
    const prefix = call.client === "anthropic" ? plain[1]!.replace(/\/v1$/, "") : plain[1]!;
    return { call, body, base: s.base + prefix };
  } catch {
    return null;
  }
}

// ── curl ──

/** One word of a shell, whatever is in it. */
const shell = (value: string) => `'${value.replaceAll("'", `'\\''`)}'`;

/** For what was not recorded; of what was, the gateway makes its own. */
export function curl(s: Source): string {
  const rows = s.headers.map(([name, value]) => ` \\\n  -H ${shell(`${name}: ${value}`)}`).join("");
  return `curl ${shell(s.base + clean(s.target))} \\\n  -H "Authorization: Bearer $OPENAI_API_KEY"${rows}${s.body ? ` \\\n  -d ${shell(s.body)}` : ""}\n`;
}

// ── Python ──

const KNOWN = /^[A-Za-z_]\w*$/;
const RESERVED = new Set(["False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield"]);

/** Python's literals: JSON's strings are its own, but for line separators and lone surrogates, which both escape. */
function py(value: unknown, indent = ""): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string") return text(value);
  if (typeof value !== "object") return String(value);
  const deeper = `${indent}    `;
  if (Array.isArray(value)) return value.length ? `[\n${value.map((v) => `${deeper}${py(v, deeper)},\n`).join("")}${indent}]` : "[]";
  const entries = Object.entries(value);
  return entries.length ? `{\n${entries.map(([k, v]) => `${deeper}${text(k)}: ${py(v, deeper)},\n`).join("")}${indent}}` : "{}";
}
/** A string literal of Python and of JavaScript: what is not seen is escaped. */
function text(value: string): string {
  return JSON.stringify(value).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const ENV = { openai: "OPENAI_API_KEY", anthropic: "ANTHROPIC_API_KEY" };

export function python(s: Source): string {
  const known = callOf(s);
  const headers = extra(s);
  if (!known) return pythonPlain(s, headers);
  const { call, body, base } = known;
  const name = call.client === "openai" ? "OpenAI" : "Anthropic";
  const names = Object.entries(body);
  const odd = names.filter(([k]) => !KNOWN.test(k) || RESERVED.has(k));
  const lines = names.filter(([k]) => KNOWN.test(k) && !RESERVED.has(k)).map(([k, v]) => `    ${k}=${py(v, "    ")},\n`);
  if (odd.length) lines.push(`    extra_body=${py(Object.fromEntries(odd), "    ")},\n`);
  if (headers.length) lines.push(`    extra_headers=${py(Object.fromEntries(headers), "    ")},\n`);
  const streams = body.stream === true;
  return [
    "import os\n",
    `from ${call.client} import ${name}\n`,
    `client = ${name}(\n    base_url=${text(base)},\n    api_key=os.environ["${ENV[call.client]}"],\n)\n`,
    `${streams ? "stream" : "answer"} = client.${call.python}(\n${lines.join("")})\n`,
    streams ? "for event in stream:\n    print(event)\n" : "print(answer)\n",
  ].join("\n");
}

function pythonPlain(s: Source, headers: readonly (readonly [string, string])[]): string {
  const type = s.headers.find(([n]) => n!.toLowerCase() === "content-type")?.[1];
  const all = { ...(type ? { "Content-Type": type } : {}), ...Object.fromEntries(headers) };
  const rows = Object.entries(all).map(([k, v]) => `    ${text(k)}: ${text(v)},\n`).join("");
  const body = s.body === null ? "    data=open(\"request-body\", \"rb\"),\n" : s.body === "" ? "" : `    data=${text(s.body)}.encode(),\n`;
  return [
    "import os\n",
    "import requests\n",
    `headers = {\n    "Authorization": "Bearer " + os.environ["OPENAI_API_KEY"],\n${rows}}\n`,
    `answer = requests.request(\n    ${text(s.method)},\n    ${text(s.base + clean(s.target))},\n    headers=headers,\n${body})\nprint(answer.status_code, answer.text)\n`,
  ].join("\n");
}

// ── Node ──

function js(value: unknown, indent = ""): string {
  if (typeof value === "string") return text(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  const deeper = `${indent}  `;
  if (Array.isArray(value)) return value.length ? `[\n${value.map((v) => `${deeper}${js(v, deeper)},\n`).join("")}${indent}]` : "[]";
  const entries = Object.entries(value);
  // A computed name, since this one would set the object's prototype.
  const name = (k: string) => (k === "__proto__" ? `["__proto__"]` : /^[A-Za-z_$][\w$]*$/.test(k) ? k : text(k));
  return entries.length ? `{\n${entries.map(([k, v]) => `${deeper}${name(k)}: ${js(v, deeper)},\n`).join("")}${indent}}` : "{}";
}

export function node(s: Source): string {
  const known = callOf(s);
  const headers = extra(s);
  if (!known) return nodePlain(s, headers);
  const { call, body, base } = known;
  const name = call.client === "openai" ? "OpenAI" : "Anthropic";
  const from = call.client === "openai" ? "openai" : "@anthropic-ai/sdk";
  const streams = body.stream === true;
  const options = headers.length ? `, { headers: ${js(Object.fromEntries(headers))} }` : "";
  return [
    `import ${name} from "${from}";\n`,
    `const client = new ${name}({\n  baseURL: ${text(base)},\n  apiKey: process.env.${ENV[call.client]},\n});\n`,
    `const ${streams ? "stream" : "answer"} = await client.${call.node}(${js(body)}${options});\n`,
    streams ? "for await (const event of stream) console.log(event);\n" : "console.log(answer);\n",
  ].join("\n");
}

function nodePlain(s: Source, headers: readonly (readonly [string, string])[]): string {
  const type = s.headers.find(([n]) => n!.toLowerCase() === "content-type")?.[1];
  const all = { ...(type ? { "Content-Type": type } : {}), ...Object.fromEntries(headers) };
  const rows = Object.entries(all).map(([k, v]) => `    ${text(k)}: ${text(v)},\n`).join("");
  const body = s.body === null ? `  body: await readFile("request-body"),\n` : s.body === "" ? "" : `  body: ${text(s.body)},\n`;
  return [
    ...(s.body === null ? [`import { readFile } from "node:fs/promises";\n`] : []),
    `const answer = await fetch(${text(s.base + clean(s.target))}, {\n  method: ${text(s.method)},\n  headers: {\n    Authorization: \`Bearer \${process.env.OPENAI_API_KEY}\`,\n${rows}  },\n${body}});\n`,
    "console.log(answer.status, await answer.text());\n",
  ].join("\n");
}

/** Without parameters whose secret was not kept. */
function clean(target: string): string {
  const [path, query] = target.split("?", 2);
  const kept = (query ?? "").split("&").filter((p) => p !== "" && !p.includes("…"));
  return kept.length ? `${path}?${kept.join("&")}` : path!;
}

/** Where clients reach the proxy, out of the command that the gateway made. */
export const baseOf = (curl: string) => /'(https?:\/\/[^/']+)/.exec(curl)?.[1] ?? "http://127.0.0.1:8080";
