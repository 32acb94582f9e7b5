// The fields people change most, as they stand in each dialect's body: model, temperature, system
// prompt. They are read out of the text and written back into it; the text is what is sent.

import type { Conversation } from "../dialect";
import { insertFirst, read, setAt, setField } from "./json";

export type Spoken = Conversation["dialect"] | null;

export interface Friendly {
  model: string | null;
  /** null: not said, the provider's default */
  temperature: number | null;
  /** null: this dialect has none, or it is not plain text */
  system: string | null;
}

/** Where the system prompt is, if it is text somebody can edit. */
function systemPath(text: string, dialect: Spoken): { path: (string | number)[]; there: boolean } | null {
  if (dialect === "anthropic") return of(text, ["system"]);
  if (dialect === "responses") return of(text, ["instructions"]);
  if (dialect !== "chat") return null;
  const role = read(text, ["messages", 0, "role"]);
  if (role === "system" || role === "developer") return of(text, ["messages", 0, "content"]);
  return Array.isArray(read(text, ["messages"])) ? { path: ["messages", 0, "content"], there: false } : null;
}
function of(text: string, path: (string | number)[]) {
  const value = read(text, path);
  if (value === undefined || value === null) return { path, there: false };
  return typeof value === "string" ? { path, there: true } : null;
}

export function friendly(text: string, dialect: Spoken): Friendly {
  const model = read(text, ["model"]);
  const temperature = read(text, ["temperature"]);
  const system = systemPath(text, dialect);
  return {
    model: typeof model === "string" ? model : null,
    temperature: typeof temperature === "number" ? temperature : null,
    system: system === null ? null : system.there ? (read(text, system.path) as string) : "",
  };
}

export const withModel = (text: string, model: string) => setField(text, "model", model);
export const withTemperature = (text: string, temperature: number | null) => setField(text, "temperature", temperature ?? undefined);

export function withSystem(text: string, dialect: Spoken, system: string): string {
  const at = systemPath(text, dialect);
  if (!at) return text;
  if (dialect !== "chat") return setField(text, at.path[0] as string, system === "" ? undefined : system);
  if (at.there) return setAt(text, at.path, system);
  return system === "" ? text : insertFirst(text, ["messages"], { role: "system", content: system });
}
