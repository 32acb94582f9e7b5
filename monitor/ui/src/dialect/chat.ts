// OpenAI chat completions, and the many that speak them: messages, tool calls, reasoning under the
// names vendors gave it, several choices, streamed or not.

import { errorIn, file, image, isObject, list, num, str, textOf, type Assembler, type Json, type Part, type Said, type ToolCall, type Turn } from "./types";

export function contentParts(content: unknown): Part[] {
  if (content == null || content === "") return [];
  if (typeof content === "string") return [{ kind: "text", text: content }];
  return list(content).flatMap((c): Part[] => {
    if (typeof c === "string") return [{ kind: "text", text: c }];
    if (!isObject(c)) return [];
    switch (c.type) {
      case "text": case "input_text": case "output_text":
        return [{ kind: "text", text: textOf(c.text) }];
      case "refusal":
        return [{ kind: "refusal", text: textOf(c.refusal) }];
      case "thinking":
        return [{ kind: "reasoning", text: Array.isArray(c.thinking) ? c.thinking.map((t) => (isObject(t) ? textOf(t.text) : "")).join("") : textOf(c.thinking) }];
      case "image_url": case "input_image": {
        const url = isObject(c.image_url) ? str(c.image_url.url) : str(c.image_url);
        return [url === null ? { kind: "data", label: "image", value: c } : image(url)];
      }
      case "input_audio": {
        const audio: Json = isObject(c.input_audio) ? c.input_audio : {};
        return [file({ name: null, mime: `audio/${str(audio.format) ?? ""}`, data: audio.data })];
      }
      case "file": case "input_file": {
        const f = isObject(c.file) ? c.file : c;
        const data = str(f.file_data);
        return [file({ name: f.filename ?? f.file_id, mime: data?.startsWith("data:") ? data.slice(5, data.indexOf(";")) : null, data: data?.slice(data.indexOf(",") + 1), url: f.file_url })];
      }
      default:
        return [{ kind: "data", label: str(c.type) ?? "part", value: c }];
    }
  });
}

/** Vendors that show their reasoning do it under one of these names. */
function reasoningOf(message: Json): string {
  return textOf(message.reasoning_content ?? message.reasoning ?? "");
}

function callOf(call: Json): ToolCall {
  const f = isObject(call.function) ? call.function : isObject(call.custom) ? call.custom : {};
  return { kind: "call", id: str(call.id) ?? "", name: str(f.name) ?? "", args: textOf(f.arguments ?? f.input ?? "") };
}

function messageParts(m: Json): Part[] {
  const parts: Part[] = [];
  const reasoning = reasoningOf(m);
  if (reasoning) parts.push({ kind: "reasoning", text: reasoning });
  parts.push(...contentParts(m.content));
  if (str(m.refusal)) parts.push({ kind: "refusal", text: m.refusal as string });
  if (isObject(m.audio)) {
    if (str(m.audio.transcript)) parts.push({ kind: "text", text: m.audio.transcript as string });
    parts.push(file({ mime: "audio", data: m.audio.data, name: m.audio.id }));
  }
  for (const c of list(m.tool_calls)) if (isObject(c)) parts.push(callOf(c));
  if (isObject(m.function_call)) parts.push({ kind: "call", id: "", name: str(m.function_call.name) ?? "", args: textOf(m.function_call.arguments) });
  for (const i of list(m.images)) if (isObject(i) && isObject(i.image_url) && str(i.image_url.url)) parts.push(image(i.image_url.url as string));
  return parts;
}

export function requestTurns(body: Json): Turn[] {
  return list(body.messages).flatMap((m): Turn[] => {
    if (!isObject(m)) return [];
    const role = str(m.role) ?? "user";
    if (role === "tool" || role === "function") {
      const content = contentParts(m.content);
      const result: Part = { kind: "result", id: str(m.tool_call_id) ?? "", name: str(m.name), parts: content, failed: false };
      return [{ role, parts: [result], from: "request" }];
    }
    return [{ role, ...(str(m.name) ? { name: m.name as string } : {}), parts: messageParts(m), from: "request" }];
  });
}

export function answerTurns(body: Json): Turn[] {
  const choices = list(body.choices);
  return choices.flatMap((c, i): Turn[] => {
    if (!isObject(c) || !isObject(c.message)) return [];
    const finish = str(c.finish_reason);
    return [{ role: str(c.message.role) ?? "assistant", parts: messageParts(c.message), from: "response", ...(choices.length > 1 ? { choice: num(c.index) ?? i } : {}), ...(finish ? { finish } : {}) }];
  });
}

interface Choice { role: string; reasoning: string; content: string; extra: Part[]; refusal: string; calls: Map<number, ToolCall>; finish?: string }

export class ChatAssembler implements Assembler {
  error: Said | null = null;
  private readonly choices = new Map<number, Choice>();

  push(data: string) {
    if (data === "[DONE]") return;
    let chunk: unknown;
    try {
      chunk = JSON.parse(data);
    } catch {
      return; // The frames tab shows it as it came.
    }
    this.error ??= errorIn(chunk);
    if (!isObject(chunk)) return;
    for (const c of list(chunk.choices)) {
      if (!isObject(c)) continue;
      const choice = this.choice(num(c.index) ?? 0);
      if (str(c.finish_reason)) choice.finish = c.finish_reason as string;
      const delta = isObject(c.delta) ? c.delta : isObject(c.message) ? c.message : null;
      if (!delta) continue;
      if (str(delta.role)) choice.role = delta.role as string;
      choice.reasoning += reasoningOf(delta);
      if (typeof delta.content === "string") choice.content += delta.content;
      else
        for (const p of contentParts(delta.content)) {
          if (p.kind === "text") choice.content += p.text;
          else if (p.kind === "reasoning") choice.reasoning += p.text;
          else choice.extra.push(p);
        }
      choice.refusal += str(delta.refusal) ?? "";
      if (isObject(delta.audio)) choice.content += str(delta.audio.transcript) ?? "";
      list(delta.tool_calls).forEach((t, i) => {
        if (isObject(t)) this.addCall(choice, num(t.index) ?? i, callOf(t));
      });
      if (isObject(delta.function_call)) this.addCall(choice, 0, callOf({ function: delta.function_call }));
    }
  }

  private choice(index: number): Choice {
    let found = this.choices.get(index);
    if (!found) this.choices.set(index, (found = { role: "assistant", reasoning: "", content: "", extra: [], refusal: "", calls: new Map() }));
    return found;
  }

  private addCall(choice: Choice, index: number, piece: ToolCall) {
    const call = choice.calls.get(index);
    if (!call) choice.calls.set(index, piece);
    else {
      call.id ||= piece.id;
      call.name += piece.name;
      call.args += piece.args;
    }
  }

  turns(): Turn[] {
    return [...this.choices].sort(([a], [b]) => a - b).map(([index, c]) => {
      const parts: Part[] = [];
      if (c.reasoning) parts.push({ kind: "reasoning", text: c.reasoning });
      if (c.content) parts.push({ kind: "text", text: c.content });
      parts.push(...c.extra);
      if (c.refusal) parts.push({ kind: "refusal", text: c.refusal });
      parts.push(...[...c.calls].sort(([a], [b]) => a - b).map(([, call]) => ({ ...call })));
      return { role: c.role, parts, from: "response" as const, ...(this.choices.size > 1 ? { choice: index } : {}), ...(c.finish ? { finish: c.finish } : {}) };
    });
  }
}
