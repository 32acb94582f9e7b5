// A conversation as every dialect is read into it: turns of parts, in the order they were said.

export type Part =
  | { kind: "text"; text: string }
  | { kind: "reasoning"; text: string; hidden?: boolean }
  | { kind: "refusal"; text: string }
  | { kind: "image"; url: string; mime: string | null; bytes: number | null }
  | { kind: "file"; name: string | null; mime: string | null; bytes: number | null; url: string | null }
  | ToolCall
  | { kind: "result"; id: string; name: string | null; parts: Part[]; failed: boolean }
  | { kind: "vectors"; count: number; dimensions: number; sample: number[] }
  | { kind: "data"; label: string; value: unknown };

export interface ToolCall {
  kind: "call";
  id: string;
  name: string;
  /** as it came: JSON in most dialects, free text in some */
  args: string;
  result?: { parts: Part[]; failed: boolean };
}

export interface Turn {
  role: string;
  name?: string;
  parts: Part[];
  from: "request" | "response";
  /** which of several answers */
  choice?: number;
  finish?: string;
}

export interface Said {
  message: string;
  code: string | null;
}

export interface Conversation {
  dialect: "chat" | "anthropic" | "responses" | "completions" | "embeddings";
  turns: Turn[];
  tools: { name: string; description: string | null }[];
  /** what was asked for beside the messages, short values only */
  parameters: [name: string, value: string][];
  error: Said | null;
}

export type Json = Record<string, unknown>;
export const isObject = (v: unknown): v is Json => typeof v === "object" && v !== null && !Array.isArray(v);
export const list = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);
export const str = (v: unknown): string | null => (typeof v === "string" ? v : null);
export const num = (v: unknown): number | null => (typeof v === "number" ? v : null);
/** Text of whatever came where text was expected. */
export const textOf = (v: unknown): string => (typeof v === "string" ? v : v == null ? "" : JSON.stringify(v));

/** An image by its address. Data URLs know their kind and size; others are never fetched. */
export function image(url: string): Part {
  const data = /^data:([^;,]*)[^,]*,/.exec(url);
  if (!data) return { kind: "image", url, mime: null, bytes: null };
  return { kind: "image", url, mime: data[1] || null, bytes: Math.floor(((url.length - data[0].length) * 3) / 4) };
}

export function file(over: { name?: unknown; mime?: unknown; data?: unknown; url?: unknown }): Part {
  const data = str(over.data);
  return { kind: "file", name: str(over.name), mime: str(over.mime), bytes: data === null ? null : Math.floor((data.length * 3) / 4), url: str(over.url) };
}

/** How much was said in these parts, in characters. */
export function size(parts: Part[]): number {
  return parts.reduce((n, p) => {
    switch (p.kind) {
      case "text": case "reasoning": case "refusal": return n + p.text.length;
      case "call": return n + p.args.length + (p.result ? size(p.result.parts) : 0);
      case "result": return n + size(p.parts);
      default: return n;
    }
  }, 0);
}

/** The plain text of parts, for folding lines and copying. */
export function plain(parts: Part[]): string {
  return parts.map((p) => (p.kind === "text" || p.kind === "reasoning" || p.kind === "refusal" ? p.text : p.kind === "result" ? plain(p.parts) : "")).filter(Boolean).join("\n");
}

/** The error inside an answer, in any dialect's shape. */
export function errorIn(body: unknown): Said | null {
  if (!isObject(body)) return null;
  const e = body.error;
  if (typeof e === "string") return { message: e, code: null };
  if (isObject(e)) return { message: str(e.message) ?? JSON.stringify(e), code: str(e.code) ?? str(e.type) };
  return null;
}

/** Assembles a streamed answer from its events, one at a time. */
export interface Assembler {
  push(data: string, event: string | null): void;
  turns(): Turn[];
  error: Said | null;
}
