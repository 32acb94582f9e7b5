// From what was typed to an OpenAI chat body, and back from a turn's parameters to the form. What
// cannot be sent is refused with the field's name; words for it are the caller's.

import { isObject, type Json } from "../dialect/types";
import { typed } from "../format/typed";
import { blank, type ChatTurn, type Message, type Picture, type Setup } from "./shapes";
import { readTools } from "./tools";

/** Which field of the form cannot be sent, and why. */
export class Unfit extends Error {
  constructor(readonly field: keyof Setup, readonly why: "needed" | "number" | "comma" | "object" | "tools" | "taken") {
    super(`${field}: ${why}`);
  }
}

function number(field: keyof Setup, text: string, whole = false): number | undefined {
  const read = typed(text);
  if (read.is === "nothing") return undefined;
  if (read.is === "comma") throw new Unfit(field, "comma");
  if (read.is === "odd" || (whole && !Number.isInteger(read.n))) throw new Unfit(field, "number");
  return read.n;
}

/** Reasoning models of OpenAI's refuse the older name, everybody else's know no other. */
const limitName = (model: string) => (/^(openai\/)?(o\d|gpt-5)/.test(model) ? "max_completion_tokens" : "max_tokens");

const OWN = ["model", "messages", "stream"];

export function bodyOf(setup: Setup, messages: Message[]): Json {
  const model = setup.model.trim();
  if (!model) throw new Unfit("model", "needed");
  let more: Json = {};
  if (setup.more.trim()) {
    try {
      const read: unknown = JSON.parse(setup.more);
      if (!isObject(read)) throw new Unfit("more", "object");
      more = read;
    } catch (cause) {
      throw cause instanceof Unfit ? cause : new Unfit("more", "object");
    }
    if (OWN.some((name) => name in more)) throw new Unfit("more", "taken");
  }
  const tools = readTools(setup.tools);
  if (tools === null) throw new Unfit("tools", "tools");
  const limit = number("maxTokens", setup.maxTokens, true);
  const fields: [string, unknown][] = [
    ["temperature", number("temperature", setup.temperature)],
    ["top_p", number("topP", setup.topP)],
    [limitName(model), limit],
    ["seed", number("seed", setup.seed, true)],
    ["reasoning_effort", setup.effort || undefined],
    ["tools", tools.length ? tools : undefined],
    ["tool_choice", tools.length && setup.toolChoice ? setup.toolChoice : undefined],
  ];
  const system: Message[] = setup.system.trim() ? [{ role: "system", content: setup.system }] : [];
  return {
    model,
    messages: [...system, ...messages],
    ...(setup.stream ? { stream: true } : {}),
    ...Object.fromEntries(fields.filter(([, value]) => value !== undefined)),
    ...more,
  };
}

/** A question as a message: plain text, or parts where images come with it. */
export function question(text: string, pictures: readonly Picture[]): Message {
  if (!pictures.length) return { role: "user", content: text };
  const images = pictures.map(({ url }) => ({ type: "image_url", image_url: { url } }));
  return { role: "user", content: text.trim() ? [{ type: "text", text }, ...images] : images };
}

/** The words of a message, and its parts that are none. */
export function wordsOf(message: Message): string {
  if (typeof message.content === "string") return message.content;
  if (!Array.isArray(message.content)) return "";
  return message.content.map((part: unknown) => (isObject(part) && typeof part.text === "string" ? part.text : "")).filter(Boolean).join("\n");
}

/** The same message with other words; its images stay. */
export function withWords(message: Message, text: string): Message {
  if (!Array.isArray(message.content)) return { ...message, content: text };
  const others = message.content.filter((part: unknown) => !(isObject(part) && typeof part.text === "string"));
  return { ...message, content: text.trim() ? [{ type: "text", text }, ...others] : others };
}

const text = (value: unknown) => (typeof value === "number" ? String(value) : "");

/** The form as a turn was asked with. */
export function setupOf(turn: ChatTurn, system: string): Setup {
  const left: Json = isObject(turn.parameters) ? { ...turn.parameters } : {};
  const take = (name: string) => {
    const value = left[name];
    delete left[name];
    return value;
  };
  const stream = take("stream") === true;
  const tools = take("tools");
  const effort = take("reasoning_effort");
  const choice = take("tool_choice");
  const limit = take("max_tokens") ?? take("max_completion_tokens");
  const setup: Setup = {
    ...blank(),
    model: turn.model,
    by: turn.key_id !== null ? `k:${turn.key_id}` : turn.provider !== null ? `p:${turn.provider}` : "",
    system,
    temperature: text(take("temperature")),
    topP: text(take("top_p")),
    maxTokens: text(limit),
    seed: text(take("seed")),
    effort: typeof effort === "string" ? effort : "",
    tools: Array.isArray(tools) && tools.length ? JSON.stringify(tools, null, 2) : "",
    toolChoice: typeof choice === "string" ? choice : "",
    stream,
  };
  if (choice !== undefined && typeof choice !== "string") left.tool_choice = choice;
  if (Object.keys(left).length) setup.more = JSON.stringify(left, null, 2);
  return setup;
}
