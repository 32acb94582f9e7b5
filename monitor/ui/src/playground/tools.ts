// Tool definitions as people paste them: one or a list, in OpenAI's shape, bare, or Anthropic's.

import { isObject, list, str, type Json } from "../dialect/types";
import type { Message } from "./shapes";

/** In OpenAI's shape; null where it is not that. */
export function readTools(text: string): Json[] | null {
  if (!text.trim()) return [];
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return null;
  }
  const tools = (Array.isArray(read) ? read : [read]).map(tool);
  return tools.every((t): t is Json => t !== null) ? tools : null;
}

function tool(given: unknown): Json | null {
  if (!isObject(given)) return null;
  if (isObject(given.function)) return str(given.function.name) ? { ...given, type: "function" } : null;
  // A vendor's own, such as a web search.
  if (typeof given.type === "string" && given.type !== "function" && given.type !== "custom" && !given.name) return given;
  if (!str(given.name)) return null;
  const { name, description, input_schema, parameters, strict } = given;
  return {
    type: "function",
    function: { name, ...(description === undefined ? {} : { description }), parameters: parameters ?? input_schema ?? { type: "object", properties: {} }, ...(strict === undefined ? {} : { strict }) },
  };
}

export interface Call { id: string; name: string; args: string }

/** The calls a message makes. */
export function callsOf(message: Message | null): Call[] {
  if (!message) return [];
  return list(message.tool_calls).filter(isObject).map((call) => {
    const f = isObject(call.function) ? call.function : {};
    return { id: str(call.id) ?? "", name: str(f.name) ?? "", args: str(f.arguments) ?? "" };
  });
}

/** Results as messages, in the order of the calls. */
export const resultsOf = (calls: readonly Call[], results: Record<string, string>): Message[] =>
  calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: results[id] ?? "" }));

export const EXAMPLE = JSON.stringify(
  [{ type: "function", function: { name: "get_weather", description: "Weather at a place", parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } } }],
  null,
  2,
);
