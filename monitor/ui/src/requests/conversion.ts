// Where a list can tell that a request was converted: by the API its path belongs to and the kind of
// the provider that answered. A path that names a provider is that provider's own API. Whether an
// OpenAI-compatible provider lacks the responses API only the request itself knows.

import type { Exchange } from "../api/types";
import type { Kind } from "../api/managed";
import type { Api } from "../request/changes/sides";

export type Conversion = readonly [from: Api, to: Api];

const PATHS: [RegExp, Api][] = [
  [/^(\/api)?\/v1\/messages$/, "messages"],
  [/^(\/api)?\/v1\/chat\/completions$|^\/api\/chat\/completions$/, "chat"],
  [/^(\/api)?\/v1\/responses$/, "responses"],
];

export function conversionOf(x: Pick<Exchange, "mode" | "method" | "path" | "provider">, kindOf: (provider: string) => Kind | undefined): Conversion | null {
  if (x.mode !== "managed" || x.method !== "POST" || !x.provider) return null;
  const from = PATHS.find(([path]) => path.test(x.path))?.[1];
  const kind = kindOf(x.provider);
  if (!from || !kind) return null;
  if (kind === "anthropic") return from === "messages" ? null : TO_MESSAGES[from];
  return from === "messages" ? TO_CHAT : null;
}

// Ever the same values: a row that is given them again has nothing to draw.
const TO_MESSAGES: Record<Exclude<Api, "messages">, Conversion> = { chat: ["chat", "messages"], responses: ["responses", "messages"], other: ["other", "messages"] };
const TO_CHAT: Conversion = ["messages", "chat"];

/** `openai → anthropic`; between two APIs of one vendor, their own names. */
export function shortOf([from, to]: Conversion, short: Record<Api, string>): string {
  const name = (api: Api, other: Api) => (api === "chat" && other === "responses" ? "chat" : short[api]);
  return `${name(from, to)} → ${name(to, from)}`;
}
