// A conversation as a line through its branches. Every turn keeps all it was asked with, so the
// turns are the branches: what was repeated or changed stands beside what was there before.

import { isObject } from "../dialect/types";
import type { Chat, ChatTurn, Message } from "./shapes";

/** One message of the line that is shown. */
export interface Entry {
  key: string;
  message: Message | null;
  /** The turn whose answer this is; null for what was said to the model. */
  turn: ChatTurn | null;
  /** Turns that go on otherwise from here: the newest of each branch, in order, and which is shown. */
  branches: number[];
  branch: number;
}

type Messages = ReadonlyMap<number, Message>;

const isSystem = (message: Message | undefined) => message?.role === "system" || message?.role === "developer";

export function messagesOf(chat: Chat): Messages {
  return new Map(chat.messages.map(({ id, message }) => [id, (isObject(message) ? message : { role: "user" }) as Message]));
}

/** What was said, then the answer: by id, or by its turn where it has none. System prompts are no part. */
function path(turn: ChatTurn, messages: Messages): string[] {
  const said = turn.message_ids.filter((id) => !isSystem(messages.get(id))).map(String);
  return [...said, turn.message_id === null ? `t${turn.id}` : String(turn.message_id)];
}

/** The line that ends with this turn. */
export function line(chat: Chat, leaf: ChatTurn): Entry[] {
  const messages = messagesOf(chat);
  const paths = chat.history.map((turn) => ({ turn, path: path(turn, messages) }));
  const shown = path(leaf, messages);
  return shown.map((step, at): Entry => {
    const same = paths.filter((p) => p.path.length > at && shown.slice(0, at).every((s, i) => p.path[i] === s));
    const newest = new Map<string, number>();
    for (const p of same) newest.set(p.path[at]!, p.turn.id);
    const steps = [...newest.keys()];
    const answers = paths.filter((p) => p.path.length === at + 1 && p.path[at] === step && same.includes(p)).map((p) => p.turn);
    // Two turns may have said the same; the line's own counts first.
    const turn = at === shown.length - 1 ? leaf : (answers.at(-1) ?? null);
    return {
      key: `${at}:${step}`,
      message: messages.get(Number(step)) ?? null,
      turn,
      branches: [...newest.values()],
      branch: steps.indexOf(step),
    };
  });
}

/** The turn that a conversation opens with. */
export const newest = (chat: Chat): ChatTurn | null => chat.history.at(-1) ?? null;

/** The system prompt a turn was asked with. */
export function systemOf(chat: Chat, turn: ChatTurn): string {
  const messages = messagesOf(chat);
  const first = messages.get(turn.message_ids[0] ?? -1);
  return first && isSystem(first) && typeof first.content === "string" ? first.content : "";
}

/**
 * What a new question follows: all that was said, but for a question that got no answer, in whose
 * place the new one stands. A model is asked in turns.
 */
export function answered(entries: readonly Entry[]): Message[] {
  const all = said(entries, entries.length);
  while (all.at(-1)?.role === "user") all.pop();
  return all;
}

/** Which turn is shown once this one is gone: the one it followed, else another way on, else the newest. */
export function without(chat: Chat, gone: ChatTurn): ChatTurn | null {
  const left = chat.history.filter((turn) => turn.id !== gone.id);
  const beside = left.filter((turn) => turn.message_ids.join() === gone.message_ids.join()).at(-1);
  const followed = left.filter((turn) => turn.message_id !== null && gone.message_ids.includes(turn.message_id)).at(-1);
  return beside ?? followed ?? left.at(-1) ?? null;
}

/** Whether nothing goes on from this turn, so that it can go alone. */
export const isLast = (chat: Chat, turn: ChatTurn) => turn.message_id === null || chat.history.every((other) => other.id === turn.id || !other.message_ids.includes(turn.message_id!));

/** What is sent on from an entry: all before it, and it too where `through`. */
export const said = (entries: readonly Entry[], until: number): Message[] =>
  entries.slice(0, until).flatMap(({ message }) => (message ? [message] : []));
