// Anthropic messages: content blocks, thinking, tools on both sides, streamed by block index.

import { errorIn, file, image, isObject, list, num, str, textOf, type Assembler, type Json, type Part, type Said, type Turn } from "./types";

function blockPart(b: unknown): Part[] {
  if (typeof b === "string") return b ? [{ kind: "text", text: b }] : [];
  if (!isObject(b)) return [];
  switch (b.type) {
    case "text":
      return [{ kind: "text", text: textOf(b.text) }];
    case "thinking":
      return [{ kind: "reasoning", text: textOf(b.thinking) }];
    case "redacted_thinking":
      return [{ kind: "reasoning", text: "", hidden: true }];
    case "image": case "document": {
      const source = isObject(b.source) ? b.source : {};
      if (source.type === "base64") {
        if (b.type === "image") return [image(`data:${str(source.media_type) ?? ""};base64,${textOf(source.data)}`)];
        return [file({ name: b.title, mime: source.media_type, data: source.data })];
      }
      if (source.type === "url") return b.type === "image" ? [image(textOf(source.url))] : [file({ name: b.title, url: source.url })];
      if (source.type === "text") return [{ kind: "text", text: textOf(source.data) }];
      return [{ kind: "data", label: b.type, value: b }];
    }
    case "tool_use": case "server_tool_use": case "mcp_tool_use":
      return [{ kind: "call", id: str(b.id) ?? "", name: str(b.name) ?? "", args: typeof b.input === "string" ? b.input : JSON.stringify(b.input ?? {}) }];
    default:
      if (typeof b.type === "string" && b.type.endsWith("tool_result")) {
        const content = Array.isArray(b.content) || typeof b.content === "string" ? blocks(b.content) : b.content == null ? [] : [{ kind: "data" as const, label: b.type, value: b.content }];
        return [{ kind: "result", id: str(b.tool_use_id) ?? "", name: null, parts: content, failed: b.is_error === true }];
      }
      return [{ kind: "data", label: str(b.type) ?? "block", value: b }];
  }
}

function blocks(content: unknown): Part[] {
  return (Array.isArray(content) ? content : content == null ? [] : [content]).flatMap(blockPart);
}

export function requestTurns(body: Json): Turn[] {
  const system = blocks(body.system);
  return [
    ...(system.length ? [{ role: "system", parts: system, from: "request" as const }] : []),
    ...list(body.messages).flatMap((m): Turn[] => {
      if (!isObject(m)) return [];
      const parts = blocks(m.content);
      // Results come inside a user message; they are the tools' words, not the user's.
      const onlyResults = parts.length > 0 && parts.every((p) => p.kind === "result");
      return [{ role: onlyResults ? "tool" : (str(m.role) ?? "user"), parts, from: "request" }];
    }),
  ];
}

export function answerTurns(body: Json): Turn[] {
  if (!Array.isArray(body.content)) return [];
  const finish = str(body.stop_reason);
  return [{ role: str(body.role) ?? "assistant", parts: blocks(body.content), from: "response", ...(finish ? { finish } : {}) }];
}

export class AnthropicAssembler implements Assembler {
  error: Said | null = null;
  private readonly blocks = new Map<number, Json>();
  private readonly json = new Map<number, string>();
  private started = false;
  private role = "assistant";
  private finish: string | null = null;

  push(data: string) {
    let e: unknown;
    try {
      e = JSON.parse(data);
    } catch {
      return;
    }
    if (!isObject(e)) return;
    const index = num(e.index) ?? 0;
    switch (e.type) {
      case "message_start":
        this.started = true;
        if (isObject(e.message)) {
          this.role = str(e.message.role) ?? this.role;
          list(e.message.content).forEach((b, i) => isObject(b) && this.blocks.set(i, { ...b }));
        }
        break;
      case "content_block_start":
        if (isObject(e.content_block)) this.blocks.set(index, { ...e.content_block });
        break;
      case "content_block_delta": {
        const d = isObject(e.delta) ? e.delta : {};
        const block = this.blocks.get(index) ?? {};
        this.blocks.set(index, block);
        if (d.type === "text_delta") Object.assign(block, { type: block.type ?? "text", text: textOf(block.text) + textOf(d.text) });
        else if (d.type === "thinking_delta") Object.assign(block, { type: block.type ?? "thinking", thinking: textOf(block.thinking) + textOf(d.thinking) });
        else if (d.type === "input_json_delta") this.json.set(index, (this.json.get(index) ?? "") + textOf(d.partial_json));
        break;
      }
      case "message_delta":
        if (isObject(e.delta) && str(e.delta.stop_reason)) this.finish = e.delta.stop_reason as string;
        break;
      case "error":
        this.error = errorIn(e);
        break;
      default:
    }
  }

  turns(): Turn[] {
    if (!this.started && !this.blocks.size) return [];
    const parts = [...this.blocks].sort(([a], [b]) => a - b).flatMap(([i, b]) => {
      const json = this.json.get(i);
      return blockPart(json === undefined ? b : { ...b, input: json });
    });
    return [{ role: this.role, parts: parts.filter((p) => p.kind !== "text" || p.text), from: "response", ...(this.finish ? { finish: this.finish } : {}) }];
  }
}
