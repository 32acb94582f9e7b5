// OpenAI responses: a flat list of items (messages, reasoning, calls and their outputs) on both
// sides, streamed by output index.

import { contentParts } from "./chat";
import { errorIn, image, isObject, list, num, str, textOf, type Assembler, type Json, type Part, type Said, type Turn } from "./types";

function itemTurn(item: unknown, from: Turn["from"]): Turn[] {
  if (typeof item === "string") return [{ role: "user", parts: [{ kind: "text", text: item }], from }];
  if (!isObject(item)) return [];
  switch (item.type ?? "message") {
    case "message":
      return [{ role: str(item.role) ?? (from === "response" ? "assistant" : "user"), parts: contentParts(item.content), from }];
    case "reasoning": {
      const text = [...list(item.summary), ...list(item.content)].map((s) => (isObject(s) ? textOf(s.text) : "")).filter(Boolean).join("\n\n");
      return [{ role: "assistant", parts: [{ kind: "reasoning", text, ...(text ? {} : { hidden: true }) }], from }];
    }
    case "function_call": case "custom_tool_call": case "mcp_call":
      return [{ role: "assistant", parts: [{ kind: "call", id: str(item.call_id) ?? str(item.id) ?? "", name: str(item.name) ?? "", args: textOf(item.arguments ?? item.input ?? "") }], from }];
    case "function_call_output": case "custom_tool_call_output": {
      const parts: Part[] = typeof item.output === "string" ? [{ kind: "text", text: item.output }] : contentParts(item.output);
      return [{ role: "tool", parts: [{ kind: "result", id: str(item.call_id) ?? "", name: null, parts, failed: false }], from }];
    }
    case "image_generation_call":
      return [{ role: "assistant", parts: str(item.result) ? [image(`data:image/${str(item.output_format) ?? "png"};base64,${item.result as string}`)] : [{ kind: "data", label: "image_generation_call", value: item }], from }];
    default:
      return [{ role: "assistant", parts: [{ kind: "data", label: textOf(item.type), value: item }], from }];
  }
}

/** Neighbouring items of one speaker read as one turn. */
function joined(turns: Turn[]): Turn[] {
  const out: Turn[] = [];
  for (const t of turns) {
    const last = out.at(-1);
    if (last && last.role === t.role && t.role === "assistant" && last.from === t.from) last.parts.push(...t.parts);
    else out.push({ ...t, parts: [...t.parts] });
  }
  return out;
}

export function requestTurns(body: Json): Turn[] {
  const turns: Turn[] = [];
  if (typeof body.instructions === "string" && body.instructions) turns.push({ role: "system", parts: [{ kind: "text", text: body.instructions }], from: "request" });
  const input = typeof body.input === "string" ? [body.input] : list(body.input);
  return joined([...turns, ...input.flatMap((i) => itemTurn(i, "request"))]);
}

export function answerTurns(body: Json): Turn[] {
  const turns = joined(list(body.output).flatMap((i) => itemTurn(i, "response")));
  const status = str(body.status);
  const why = isObject(body.incomplete_details) ? str(body.incomplete_details.reason) : null;
  const last = turns.at(-1);
  if (last && status && status !== "in_progress") last.finish = why ?? status;
  return turns;
}

export class ResponsesAssembler implements Assembler {
  error: Said | null = null;
  private readonly items = new Map<number, Json>();
  private final: Json | null = null;

  push(data: string) {
    let e: unknown;
    try {
      e = JSON.parse(data);
    } catch {
      return;
    }
    if (!isObject(e)) return;
    const at = num(e.output_index) ?? 0;
    switch (e.type) {
      case "response.output_item.added": case "response.output_item.done":
        if (isObject(e.item)) this.items.set(at, structuredClone(e.item));
        break;
      case "response.output_text.delta": this.append(at, "content", num(e.content_index) ?? 0, "output_text", "text", e.delta); break;
      case "response.refusal.delta": this.append(at, "content", num(e.content_index) ?? 0, "refusal", "refusal", e.delta); break;
      case "response.reasoning_summary_text.delta": this.append(at, "summary", num(e.summary_index) ?? 0, "summary_text", "text", e.delta); break;
      case "response.reasoning_text.delta": this.append(at, "content", num(e.content_index) ?? 0, "reasoning_text", "text", e.delta); break;
      case "response.function_call_arguments.delta": case "response.custom_tool_call_input.delta": {
        const item = this.item(at, "function_call");
        const field = e.type === "response.custom_tool_call_input.delta" ? "input" : "arguments";
        item[field] = textOf(item[field]) + textOf(e.delta);
        break;
      }
      case "response.completed": case "response.incomplete": case "response.failed":
        if (isObject(e.response)) {
          this.final = e.response;
          this.error ??= errorIn(e.response);
        }
        break;
      case "error":
        this.error ??= errorIn(e) ?? { message: textOf(e.message), code: str(e.code) };
        break;
      default:
    }
  }

  private item(at: number, type: string): Json {
    let found = this.items.get(at);
    if (!found) this.items.set(at, (found = { type }));
    return found;
  }

  private append(at: number, where: "content" | "summary", index: number, type: string, field: string, delta: unknown) {
    const item = this.item(at, where === "summary" || type === "reasoning_text" ? "reasoning" : "message");
    const parts = (item[where] = list(item[where]));
    const part = isObject(parts[index]) ? parts[index] : (parts[index] = { type });
    part[field] = textOf(part[field]) + textOf(delta);
  }

  turns(): Turn[] {
    const output = [...this.items].sort(([a], [b]) => a - b).map(([, i]) => i);
    const finalOutput = this.final && list(this.final.output).length ? this.final.output : output;
    return answerTurns({ ...(this.final ?? {}), output: finalOutput });
  }
}
