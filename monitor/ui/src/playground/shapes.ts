// What the playground works with: the API's shapes under its own names, and what is typed beside
// them.

import type { components } from "../api/schema";
import type { Json } from "../dialect/types";

type Schemas = components["schemas"];

export type Chat = Schemas["ConversationDetail"];
export type ChatLine = Schemas["Conversation"];
export type ChatTurn = Schemas["ConversationTurn"];

/** A message as OpenAI shapes it. */
export type Message = Json & { role: string };

/** What is asked with. Numbers stay text until they are sent, so that nothing typed is lost. */
export interface Setup {
  model: string;
  /** Another model that is asked the same; empty: none. */
  beside: string;
  /** `""`, `p:NAME` or `k:ID` */
  by: string;
  system: string;
  temperature: string;
  topP: string;
  maxTokens: string;
  seed: string;
  effort: string;
  /** Definitions, as JSON. */
  tools: string;
  toolChoice: string;
  /** Any further fields of the body, as JSON. */
  more: string;
  stream: boolean;
}

export const EFFORTS = ["", "none", "minimal", "low", "medium", "high"] as const;
export const CHOICES = ["", "auto", "none", "required"] as const;

export const blank = (): Setup => ({ model: "", beside: "", by: "", system: "", temperature: "", topP: "", maxTokens: "", seed: "", effort: "", tools: "", toolChoice: "", more: "", stream: true });

/** An image on its way into a question. */
export interface Picture { name: string; url: string; bytes: number }

/** What has been typed and not sent. */
export interface Draft {
  text: string;
  pictures: Picture[];
  setup: Setup;
  /** Results of tool calls, by the call's id. */
  results: Record<string, string>;
  /** A question that is being changed: its place, what it is to say, and whether it is put aside. */
  edit: { at: number; text: string; aside?: boolean } | null;
}

export const draftOf = (setup: Setup): Draft => ({ text: "", pictures: [], setup, results: {}, edit: null });
