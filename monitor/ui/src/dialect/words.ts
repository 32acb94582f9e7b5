// The words one frame of a stream adds, in whichever dialect.

import { isObject, list, str } from "./types";

export function wordsOf(data: string): string {
  if (data.length > 20_000 || !data.startsWith("{")) return "";
  try {
    const v: unknown = JSON.parse(data);
    if (!isObject(v)) return "";
    const choice = list(v.choices)[0];
    if (isObject(choice)) {
      const d = isObject(choice.delta) ? choice.delta : choice;
      const call = list(d.tool_calls)[0];
      return str(d.content) ?? str(d.reasoning_content) ?? str(d.reasoning) ?? str(choice.text) ?? (isObject(call) && isObject(call.function) ? (str(call.function.arguments) ?? "") : "");
    }
    if (typeof v.delta === "string") return v.delta;
    if (isObject(v.delta)) return str(v.delta.text) ?? str(v.delta.thinking) ?? str(v.delta.partial_json) ?? "";
    return "";
  } catch {
    return "";
  }
}
