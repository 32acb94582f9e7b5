// Where the searched words stand in a conversation, with a little around them.

import type { ChatLine } from "./shapes";

export interface Excerpt { before: string; hit: string; after: string }

const BEFORE = 30;
const AFTER = 90;

export function excerpt(chat: Pick<ChatLine, "question" | "answer">, q: string): Excerpt | null {
  if (!q) return null;
  for (const said of [chat.question, chat.answer]) {
    const text = said.replace(/\s+/g, " ");
    const at = text.toLowerCase().indexOf(q.toLowerCase());
    if (at < 0) continue;
    const from = Math.max(0, at - BEFORE);
    const end = at + q.length;
    return {
      before: (from > 0 ? "…" : "") + text.slice(from, at),
      hit: text.slice(at, end),
      after: text.slice(end, end + AFTER) + (text.length > end + AFTER ? "…" : ""),
    };
  }
  return null;
}
