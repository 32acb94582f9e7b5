// The filter language: `model:gpt-4o status:5xx since:1h 狐狸`. Typed or clicked, it is always this
// text; the URL holds it as it stands. Parsing never fails: what is no filter is searched as text,
// and said so.

import { fits } from "./pattern";

/** The names of the list's filters, as the API has them. */
export const NAMES = [
  "model", "status", "outcome", "error", "path", "method", "provider", "key", "client_token", "origin", "mode", "stream", "pinned",
  "since", "until", "min_duration_ms", "conversation",
] as const;
export type Name = (typeof NAMES)[number];

const ORIGINS = ["client", "chat", "replay", "test", "trace", "probe"];
const OUTCOMES = ["in_flight", "ok", "client_error", "upstream_error", "client_closed", "upstream_closed", "timeout", "rejected", "interrupted"];
/** What "dropped" means: ended before the answer was complete, by whoever's doing. */
export const DROPPED = ["client_closed", "upstream_closed", "timeout", "interrupted"];

/** One word of the text, with where it stands in it. */
export interface Term {
  name: Name | null;
  value: string;
  start: number;
  end: number;
  problem: "unknown" | "value" | null;
  /** the part before the colon as typed, for `unknown` */
  typed?: string;
}

export interface Filters {
  text: string;
  terms: Term[];
  /** words that are searched in everything that was said */
  q: string;
  /** the last valid value of each name */
  by: Partial<Record<Name, string>>;
}

const isName = (s: string): s is Name => (NAMES as readonly string[]).includes(s);

export function parse(text: string): Filters {
  const terms: Term[] = [];
  // name:"quoted value" | name:value | "quoted words" | word
  const pattern = /([A-Za-z_]+):(?=\s|$)|(?:([A-Za-z_]+):)?(?:"([^"]*)"|(\S+))/gu;
  for (const match of text.matchAll(pattern)) {
    const typed = match[1] ?? match[2];
    const value = match[3] ?? match[4] ?? "";
    const start = match.index;
    const end = start + match[0].length;
    const lower = typed?.toLowerCase();
    if (lower === undefined) terms.push({ name: null, value, start, end, problem: null });
    else if (!isName(lower)) {
      // A URL or a time is text, not a mistyped filter.
      const problem = /^\/\/|^\d/.test(value) ? null : "unknown";
      terms.push({ name: null, value: match[0], start, end, problem, typed });
    } else terms.push({ name: lower, value, start, end, problem: value === "" || valid(lower, value) ? null : "value" });
  }
  const by: Filters["by"] = {};
  for (const t of terms) if (t.name && t.value !== "" && !t.problem) by[t.name] = t.value;
  const q = terms.filter((t) => !t.name && t.value !== "").map((t) => t.value).join(" ");
  return { text, terms, q, by };
}

function valid(name: Name, value: string): boolean {
  switch (name) {
    case "status": return value.split(",").every((v) => /^[1-5](xx|\d\d)$/i.test(v));
    case "outcome": return value.split(",").every((v) => OUTCOMES.includes(v));
    case "origin": return value.split(",").every((v) => ORIGINS.includes(v));
    case "stream": case "pinned": return value === "true" || value === "false";
    case "mode": return value === "transparent" || value === "managed";
    case "min_duration_ms": return /^\d+$/.test(value);
    case "since": case "until": return moment(value, 0) !== null;
    case "conversation": return /^[0-9a-f-]{36}$/.test(value);
    default: return true;
  }
}

/** `30m`, `1h`, `7d` before now, or a date; as milliseconds since the epoch. */
export function moment(value: string, now: number): number | null {
  const ago = /^(\d+)(s|m|h|d|w)$/.exec(value);
  if (ago) return now - Number(ago[1]) * { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7, w: 6.048e8 }[ago[2] as "s"];
  if (!/^\d{4}-\d\d-\d\d/.test(value)) return null;
  // A bare date is the reader's midnight, not Greenwich's.
  const at = Date.parse(value.length === 10 ? `${value}T00:00:00` : value);
  return Number.isNaN(at) ? null : at;
}

/** What the API is asked for. */
export function query(filters: Filters, now: number): Record<string, string> {
  const out: Record<string, string> = {};
  if (filters.q) out.q = filters.q;
  for (const name of NAMES) {
    const value = filters.by[name];
    if (value === undefined) continue;
    if (name === "since" || name === "until") {
      const at = moment(value, now);
      if (at !== null) out[name] = new Date(at).toISOString();
    } else out[name] = name === "method" ? value.toUpperCase() : name === "status" ? value.toLowerCase() : value;
  }
  return out;
}

/** The text with `name` set to `value`, or taken out with `null`; the rest stays as typed. */
export function set(text: string, name: Name, value: string | null): string {
  const { terms } = parse(text);
  let out = "";
  let at = 0;
  for (const t of terms) {
    if (t.name !== name) continue;
    out += text.slice(at, t.start);
    at = t.end;
  }
  out = (out + text.slice(at)).replace(/\s+/g, " ").trim();
  if (value === null) return out;
  const word = `${name}:${/\s/.test(value) ? `"${value.replaceAll('"', "")}"` : value}`;
  return out ? `${word} ${out}` : word;
}

/** The part of an exchange that filters look at. */
export interface Filterable {
  id?: string;
  started_at: string;
  method: string;
  path: string;
  origin: string;
  mode: string;
  client_token?: string | null;
  provider?: string | null;
  key?: string | null;
  model?: string | null;
  upstream_model?: string | null;
  status?: number | null;
  outcome: string;
  error?: { code: string } | null;
  stream?: boolean | null;
  pinned?: boolean;
  duration_ms?: number | null;
}

/** What a row that is shown already must still match: the database found its text and its conversation. */
export function afterwards(filters: Filters): Filters {
  const by = { ...filters.by };
  delete by.conversation;
  return { ...filters, q: "", by };
}

/**
 * Whether a live exchange belongs in a list filtered so. Free text of bodies only the database
 * knows: here `q` matches model and path, and the list asks again for the rest.
 */
export function matches(x: Filterable, filters: Filters, now: number): boolean {
  const { by, q } = filters;
  const has = (field: string | null | undefined, wanted: string | undefined) => wanted === undefined || fits(wanted, field ?? "");
  if ((!has(x.model, by.model) && !has(x.upstream_model ?? null, by.model)) || !has(x.provider, by.provider) || !has(x.key, by.key)) return false;
  if (!has(x.client_token, by.client_token) || !has(x.method.toLowerCase(), by.method?.toLowerCase())) return false;
  if (!has(x.mode, by.mode) || (by.origin !== undefined && !by.origin.split(",").includes(x.origin))) return false;
  // "none" is no code, whatever else went wrong.
  if (by.error === "none" ? x.error != null : !has(x.error?.code, by.error)) return false;
  if (!has(x.path, by.path)) return false;
  // Which turns belong together only the database knows.
  if (by.conversation !== undefined && x.id !== by.conversation) return false;
  if (by.outcome !== undefined && !by.outcome.split(",").includes(x.outcome)) return false;
  if (by.stream !== undefined && String(x.stream ?? false) !== by.stream) return false;
  if (by.pinned !== undefined && String(x.pinned ?? false) !== by.pinned) return false;
  if (by.status !== undefined) {
    const status = String(x.status ?? "");
    if (!by.status.toLowerCase().split(",").some((s) => (s.endsWith("xx") ? status !== "" && status[0] === s[0] : status === s))) return false;
  }
  const started = Date.parse(x.started_at);
  // What runs has taken the time since it began, as the monitor counts it.
  if (by.min_duration_ms !== undefined && (x.duration_ms ?? now - started) < Number(by.min_duration_ms)) return false;
  const since = by.since === undefined ? null : moment(by.since, now);
  const until = by.until === undefined ? null : moment(by.until, now);
  if (since !== null && started < since) return false;
  if (until !== null && started > until) return false;
  if (q) {
    const text = `${x.model ?? ""} ${x.path}`.toLowerCase();
    if (!q.toLowerCase().split(" ").every((word) => text.includes(word))) return false;
  }
  return true;
}
