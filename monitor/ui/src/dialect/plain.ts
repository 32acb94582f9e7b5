// The two simple ones: legacy completions (a prompt and its continuation) and embeddings (texts and
// their vectors).

import { errorIn, isObject, list, num, str, textOf, type Assembler, type Json, type Part, type Said, type Turn } from "./types";

const tokens = (v: unknown): v is number[] => Array.isArray(v) && v.length > 0 && v.every((n) => typeof n === "number");

function texts(v: unknown): Part[] {
  if (typeof v === "string") return [{ kind: "text", text: v }];
  if (tokens(v)) return [{ kind: "data", label: "tokens", value: v }];
  return list(v).flatMap(texts);
}

export function promptTurns(body: Json): Turn[] {
  const prompts = Array.isArray(body.prompt) && !tokens(body.prompt) ? body.prompt : [body.prompt];
  return prompts.filter((p) => p != null).map((p) => ({ role: "prompt", parts: texts(p), from: "request" }));
}

export function completionTurns(body: Json): Turn[] {
  const choices = list(body.choices).filter(isObject);
  return choices.map((c) => {
    const finish = str(c.finish_reason);
    return { role: "assistant", parts: [{ kind: "text", text: textOf(c.text) }], from: "response", ...(choices.length > 1 ? { choice: num(c.index) ?? 0 } : {}), ...(finish ? { finish } : {}) };
  });
}

export class CompletionAssembler implements Assembler {
  error: Said | null = null;
  private readonly choices = new Map<number, Json>();

  push(data: string) {
    if (data === "[DONE]") return;
    let chunk: unknown;
    try {
      chunk = JSON.parse(data);
    } catch {
      return;
    }
    this.error ??= errorIn(chunk);
    if (!isObject(chunk)) return;
    for (const c of list(chunk.choices).filter(isObject)) {
      const index = num(c.index) ?? 0;
      const before = this.choices.get(index);
      this.choices.set(index, { index, text: textOf(before?.text) + textOf(c.text), finish_reason: c.finish_reason ?? before?.finish_reason });
    }
  }

  turns(): Turn[] {
    return completionTurns({ choices: [...this.choices].sort(([a], [b]) => a - b).map(([, c]) => c) });
  }
}

export function inputTurns(body: Json): Turn[] {
  const inputs = Array.isArray(body.input) && !tokens(body.input) ? body.input : [body.input];
  return inputs.filter((i) => i != null).map((i) => ({ role: "input", parts: texts(i), from: "request" }));
}

export function vectorTurns(body: Json): Turn[] {
  const data = list(body.data).filter(isObject);
  const first = data[0]?.embedding;
  if (!data.length) return [];
  // A base64 vector is four bytes a number.
  const dimensions = Array.isArray(first) ? first.length : typeof first === "string" ? Math.floor((first.replace(/=+$/, "").length * 3) / 16) : 0;
  return [{ role: "output", parts: [{ kind: "vectors", count: data.length, dimensions, sample: Array.isArray(first) ? first.slice(0, 6).filter((n): n is number => typeof n === "number") : [] }], from: "response" }];
}
