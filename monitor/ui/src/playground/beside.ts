// Two models asked the same at once: their turns are branches of one conversation, shown side by
// side until one of them is gone on with.

import { messagesOf, type Entry } from "./thread";
import type { Chat, ChatTurn } from "./shapes";

/** The answers of two models to the question that `leaf` answers, as entries; null where there are not two. */
export function pair(chat: Chat, leaf: ChatTurn, second: string): [Entry, Entry] | null {
  if (!second) return null;
  const asked = leaf.message_ids.join();
  const answers = chat.history.filter((turn) => turn.message_ids.join() === asked);
  const other = answers.filter((turn) => turn.model === second).at(-1);
  const first = leaf.model === second ? answers.filter((turn) => turn.model !== second).at(-1) : leaf;
  if (!other || !first) return null;
  const messages = messagesOf(chat);
  const entry = (turn: ChatTurn): Entry => ({ key: `beside${turn.id}`, message: messages.get(turn.message_id ?? -1) ?? null, turn, branches: [], branch: -1 });
  return [entry(first), entry(leaf.model === second ? leaf : other)];
}
