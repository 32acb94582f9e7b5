// The exact lines that point clients here. Code is the same in every language; what is said beside
// it is in the page's words, by the client's name.

export type Access = "open" | "token";

export interface Block {
  /** The file it belongs in, or null for a terminal or one's own program. */
  file: string | null;
  code: string;
}

export interface Client {
  id: string;
  title: string;
  group: "shell" | "library" | "framework" | "app";
  blocks(of: Target): Block[];
}

export interface Target {
  /** Where the proxy is, `http` or `https` and `host:port`, without a path. */
  base: string;
  /** What goes where a key goes. */
  credential: string;
}

/** Clients refuse to start without a key; the proxy takes this one for none. */
export const PLACEHOLDER = "not-needed";
/** Stands for a client token until one is put in. */
export const TOKEN = "gw-…";

const program = (code: string): Block[] => [{ file: null, code }];
const OPENAI = "gpt-4o-mini";
const CLAUDE = "claude-sonnet-4-5";

export const CLIENTS: readonly Client[] = [
  {
    id: "curl", title: "curl", group: "shell",
    blocks: ({ base, credential }) => program(`curl ${base}/v1/chat/completions \\
  -H "Authorization: Bearer ${credential}" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${OPENAI}", "messages": [{"role": "user", "content": "Hello"}]}'`),
  },
  {
    id: "curl-anthropic", title: "curl, Anthropic", group: "shell",
    blocks: ({ base, credential }) => program(`curl ${base}/v1/messages \\
  -H "x-api-key: ${credential}" \\
  -H "anthropic-version: 2023-06-01" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "${CLAUDE}", "max_tokens": 1024, "messages": [{"role": "user", "content": "Hello"}]}'`),
  },
  {
    id: "environment", title: "OPENAI_BASE_URL", group: "shell",
    blocks: ({ base, credential }) => program(`export OPENAI_BASE_URL=${base}/v1
export OPENAI_API_KEY=${credential}
export ANTHROPIC_BASE_URL=${base}
export ANTHROPIC_API_KEY=${credential}`),
  },
  {
    id: "openai-python", title: "OpenAI Python", group: "library",
    blocks: ({ base, credential }) => program(`from openai import OpenAI

client = OpenAI(base_url="${base}/v1", api_key="${credential}")
answer = client.chat.completions.create(
    model="${OPENAI}",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`),
  },
  {
    id: "openai-node", title: "OpenAI Node", group: "library",
    blocks: ({ base, credential }) => program(`import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${base}/v1", apiKey: "${credential}" });
const answer = await client.chat.completions.create({
  model: "${OPENAI}",
  messages: [{ role: "user", content: "Hello" }],
});
console.log(answer.choices[0].message.content);`),
  },
  {
    id: "anthropic-python", title: "Anthropic Python", group: "library",
    blocks: ({ base, credential }) => program(`from anthropic import Anthropic

client = Anthropic(base_url="${base}", api_key="${credential}")
answer = client.messages.create(
    model="${CLAUDE}",
    max_tokens=1024,
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.content[0].text)`),
  },
  {
    id: "anthropic-node", title: "Anthropic Node", group: "library",
    blocks: ({ base, credential }) => program(`import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: "${base}", apiKey: "${credential}" });
const answer = await client.messages.create({
  model: "${CLAUDE}",
  max_tokens: 1024,
  messages: [{ role: "user", content: "Hello" }],
});
console.log(answer.content[0].text);`),
  },
  {
    id: "langchain", title: "LangChain", group: "framework",
    blocks: ({ base, credential }) => program(`from langchain_openai import ChatOpenAI

model = ChatOpenAI(model="${OPENAI}", base_url="${base}/v1", api_key="${credential}")
print(model.invoke("Hello").text)

# pip install langchain-anthropic
from langchain_anthropic import ChatAnthropic

model = ChatAnthropic(model="${CLAUDE}", base_url="${base}", api_key="${credential}")`),
  },
  {
    id: "llamaindex", title: "LlamaIndex", group: "framework",
    blocks: ({ base, credential }) => program(`from llama_index.llms.openai_like import OpenAILike

llm = OpenAILike(
    model="${OPENAI}",
    api_base="${base}/v1",
    api_key="${credential}",
    is_chat_model=True,
    is_function_calling_model=True,
)
print(llm.complete("Hello"))`),
  },
  {
    id: "ai-sdk", title: "Vercel AI SDK", group: "framework",
    blocks: ({ base, credential }) => program(`import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText } from "ai";

const glassway = createOpenAICompatible({
  name: "glassway",
  baseURL: "${base}/v1",
  apiKey: "${credential}",
  includeUsage: true,
});
const { text } = await generateText({ model: glassway("${OPENAI}"), prompt: "Hello" });
console.log(text);`),
  },
  {
    id: "litellm", title: "LiteLLM", group: "framework",
    blocks: ({ base, credential }) => program(`from litellm import completion

answer = completion(
    model="openai/${OPENAI}",
    api_base="${base}/v1",
    api_key="${credential}",
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)`),
  },
  {
    id: "claude-code", title: "Claude Code", group: "app",
    blocks: ({ base, credential }) => [
      { file: null, code: `export ANTHROPIC_BASE_URL=${base}\nexport ANTHROPIC_AUTH_TOKEN=${credential}\nclaude` },
      { file: "~/.claude/settings.json", code: JSON.stringify({ env: { ANTHROPIC_BASE_URL: `${base}`, ANTHROPIC_AUTH_TOKEN: credential } }, null, 2) },
    ],
  },
  {
    id: "codex", title: "Codex CLI", group: "app",
    blocks: ({ base, credential }) => [
      { file: "~/.codex/config.toml", code: `model = "gpt-5"
model_provider = "glassway"

[model_providers.glassway]
name = "Glassway"
base_url = "${base}/v1"
env_key = "GLASSWAY_KEY"
wire_api = "responses"` },
      { file: null, code: `export GLASSWAY_KEY=${credential}\ncodex` },
    ],
  },
  {
    id: "cursor", title: "Cursor", group: "app",
    blocks: ({ base, credential }) => [
      { file: "Settings → Models → API Keys → Override OpenAI Base URL", code: `${base}/v1` },
      { file: "Settings → Models → API Keys → OpenAI API Key", code: credential },
    ],
  },
  {
    id: "continue", title: "Continue", group: "app",
    blocks: ({ base, credential }) => [{ file: "~/.continue/config.yaml", code: `name: Glassway
version: 1.0.0
schema: v1
models:
  - name: ${OPENAI}
    provider: openai
    model: ${OPENAI}
    apiBase: ${base}/v1
    apiKey: ${credential}
    roles: [chat, edit, apply]` }],
  },
  {
    id: "cline", title: "Cline, Roo Code", group: "app",
    blocks: ({ base, credential }) => [
      { file: "API Provider", code: "OpenAI Compatible" },
      { file: "Base URL", code: `${base}/v1` },
      { file: "API Key", code: credential },
      { file: "Model ID", code: OPENAI },
    ],
  },
  {
    id: "aider", title: "Aider", group: "app",
    blocks: ({ base, credential }) => program(`export OPENAI_API_BASE=${base}/v1
export OPENAI_API_KEY=${credential}
aider --model openai/${OPENAI}`),
  },
  {
    id: "opencode", title: "opencode", group: "app",
    blocks: ({ base, credential }) => [{ file: "opencode.json", code: JSON.stringify({
      $schema: "https://opencode.ai/config.json",
      provider: { glassway: { npm: "@ai-sdk/openai-compatible", name: "Glassway", options: { baseURL: `${base}/v1`, apiKey: credential }, models: { [OPENAI]: {} } } },
    }, null, 2) }],
  },
  {
    id: "open-webui", title: "Open WebUI", group: "app",
    blocks: ({ base, credential }) => program(`docker run -d --network host \\
  -e OPENAI_API_BASE_URL=${base}/v1 \\
  -e OPENAI_API_KEY=${credential} \\
  ghcr.io/open-webui/open-webui:main`),
  },
];

export const GROUPS = ["shell", "library", "framework", "app"] as const;

export const clientOf = (id: unknown): Client => CLIENTS.find((c) => c.id === id) ?? CLIENTS[0]!;

/** What goes where a key goes. */
export function credential(access: Access, typed: string): string {
  if (access === "open") return PLACEHOLDER;
  return typed.trim() || TOKEN;
}

/** Only this machine can reach it. */
export const isLoopback = (base: string) => /^https?:\/\/(127\.|localhost[:]|\[::1\])/.test(base);
