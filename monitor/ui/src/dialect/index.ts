// From recorded bytes to a conversation, whatever the dialect. The path says which one; where it
// does not, the shape of the body does. What cannot be read is left to the raw tabs, never guessed.

import * as anthropic from "./anthropic";
import * as chat from "./chat";
import { readJson } from "./partial";
import * as plain from "./plain";
import * as responses from "./responses";
import { errorIn, isObject, list, str, type Assembler, type Conversation, type Json, type Turn } from "./types";

export type { Conversation, Part, ToolCall, Turn } from "./types";
type Dialect = Conversation["dialect"];

export interface Heard {
  path: string;
  request: string | null;
  /** a whole (or cut) JSON answer; null when it was streamed */
  response: string | null;
  /** the streamed answer */
  stream: Assembler | null;
}

export function dialectOf(path: string, body: unknown): Dialect | null {
  if (/\/messages(\/count_tokens)?$/.test(path)) return "anthropic";
  if (/\/chat\/completions$/.test(path)) return "chat";
  if (/\/completions$/.test(path)) return "completions";
  if (/\/responses$/.test(path)) return "responses";
  if (/\/embeddings$/.test(path)) return "embeddings";
  if (!isObject(body) || !str(body.model)) return null;
  if (Array.isArray(body.messages)) return "chat";
  return null;
}

export function assembler(dialect: Dialect | null): Assembler | null {
  switch (dialect) {
    case "chat": return new chat.ChatAssembler();
    case "anthropic": return new anthropic.AnthropicAssembler();
    case "responses": return new responses.ResponsesAssembler();
    case "completions": return new plain.CompletionAssembler();
    default: return null;
  }
}

const READERS: Record<Dialect, { request(b: Json): Turn[]; answer(b: Json): Turn[] }> = {
  chat: { request: chat.requestTurns, answer: chat.answerTurns },
  anthropic: { request: anthropic.requestTurns, answer: anthropic.answerTurns },
  responses: { request: responses.requestTurns, answer: responses.answerTurns },
  completions: { request: plain.promptTurns, answer: plain.completionTurns },
  embeddings: { request: plain.inputTurns, answer: plain.vectorTurns },
};

/** The request's half, which does not change while the answer streams. */
export function readRequest(path: string, text: string | null): { dialect: Dialect; turns: Turn[]; tools: Conversation["tools"]; parameters: Conversation["parameters"] } | null {
  const body = text ? readJson(text)?.value : undefined;
  const dialect = dialectOf(path, body);
  if (!dialect) return null;
  if (!isObject(body)) return { dialect, turns: [], tools: [], parameters: [] };
  return { dialect, turns: READERS[dialect].request(body), tools: toolsOf(body), parameters: parametersOf(body) };
}

/** The answer's half, from its JSON. */
export function readAnswer(dialect: Dialect, text: string): { turns: Turn[]; error: Conversation["error"] } {
  const body = readJson(text)?.value;
  if (!isObject(body)) return { turns: [], error: null };
  return { turns: READERS[dialect].answer(body), error: errorIn(body) };
}

/** Puts the halves together: each tool's result under the call it answers. */
export function converse(request: Turn[], answer: Turn[]): Turn[] {
  const calls = new Map<string, { turn: number; part: number }>();
  const turns: Turn[] = [...request, ...answer].map((t) => ({ ...t, parts: [...t.parts] }));
  turns.forEach((t, turn) => {
    t.parts = t.parts.filter((p, i) => {
      if (p.kind === "call" && p.id) calls.set(p.id, { turn, part: i });
      if (p.kind !== "result" || !p.id) return true;
      const at = calls.get(p.id);
      if (!at) return true;
      const holder = turns[at.turn]!;
      const index = holder.parts.findIndex((c) => c.kind === "call" && c.id === p.id);
      const call = holder.parts[index];
      if (call?.kind !== "call" || call.result) return true;
      holder.parts[index] = { ...call, result: { parts: p.parts, failed: p.failed } };
      return false;
    });
  });
  return turns.filter((t) => t.parts.length > 0 || (t.from === "response" && t.finish));
}

function toolsOf(body: Json): Conversation["tools"] {
  return [...list(body.tools), ...list(body.functions)].filter(isObject).map((t) => {
    const f = isObject(t.function) ? t.function : t;
    return { name: str(f.name) ?? str(t.type) ?? "?", description: str(f.description) };
  });
}

const NOT_PARAMETERS = new Set(["messages", "input", "prompt", "system", "instructions", "tools", "functions", "model"]);

function parametersOf(body: Json): Conversation["parameters"] {
  return Object.entries(body).filter(([name]) => !NOT_PARAMETERS.has(name)).map(([name, v]) => {
    const text = typeof v === "string" ? v : JSON.stringify(v);
    return [name, text.length > 120 ? `${text.slice(0, 119)}…` : text];
  });
}
