// What each line of a paste will become, before anything is sent. It says only what it can know
// without the server: whether a key is already sealed here, the server finds by its fingerprint.

/** Shapes that belong to one vendor. Longer ones first: sk-ant- is also sk-. */
const SHAPES: [prefix: string, vendor: string][] = [
  ["sk-ant-", "anthropic"], ["sk-or-", "openrouter"], ["gsk_", "groq"], ["AIza", "gemini"], ["sk-proj-", "openai"],
];

export type Verdict =
  | { kind: "blank" | "comment" }
  | { kind: "new"; name: string | null; secret: string; alike: string | null }
  | { kind: "repeat"; line: number }
  | { kind: "foreign"; vendor: string; name: string | null; secret: string }
  | { kind: "bad"; why: "space" | "own" | "long" | "character" | "empty"; at: number; character: string };

export interface Line { n: number; verdict: Verdict }

/** No vendor's key comes near; the server refuses it too. */
const LONGEST = 8192;
/** Glassway's own tokens, which are nobody's upstream keys. */
const OWN = /^(gw|gws|gwadmin)-/;

/** The vendor whose key this looks like; null for everybody's `sk-`. */
export function vendorOf(secret: string): string | null {
  return SHAPES.find(([prefix]) => secret.startsWith(prefix))?.[1] ?? null;
}

/** The end of a masked key (`sk-…wxyz`), for telling that two may be the same. */
const tailOf = (masked: string) => masked.split("…").at(-1) ?? masked;

export interface Around {
  /** The vendor behind the chosen provider; null when it may take anybody's keys (a relay). */
  vendor: string | null;
  /** Keys that are there, of the chosen provider. */
  there: { name: string; masked: string }[];
}

export function readPaste(text: string, around: Around): Line[] {
  const seen = new Map<string, number>();
  return text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/).map((raw, i) => {
    const n = i + 1;
    const line = raw.trim();
    if (line === "") return { n, verdict: { kind: "blank" } };
    if (line.startsWith("#")) return { n, verdict: { kind: "comment" } };
    const comma = Math.max(line.lastIndexOf(","), line.lastIndexOf("，"));
    const name = comma < 0 ? null : line.slice(0, comma).trim() || null;
    const secret = line.slice(comma + 1).trim();
    const start = raw.indexOf(line) + (comma < 0 ? 0 : line.indexOf(secret, comma + 1));
    const bad = malformed(secret, start);
    if (bad) return { n, verdict: bad };
    const before = seen.get(secret);
    if (before !== undefined) return { n, verdict: { kind: "repeat", line: before } };
    seen.set(secret, n);
    const vendor = vendorOf(secret);
    if (vendor !== null && around.vendor !== null && vendor !== around.vendor) return { n, verdict: { kind: "foreign", vendor, name, secret } };
    const alike = around.there.find((k) => tailOf(k.masked).length >= 4 && secret.endsWith(tailOf(k.masked)));
    return { n, verdict: { kind: "new", name, secret, alike: alike?.name ?? null } };
  });
}

function malformed(secret: string, start: number): Verdict | null {
  if (secret === "") return { kind: "bad", why: "empty", at: start + 1, character: "" };
  const odd = /[^\x21-\x7e]/u.exec(secret);
  if (odd) return { kind: "bad", why: /\s/u.test(odd[0]) ? "space" : "character", at: start + odd.index + 1, character: odd[0] };
  if (OWN.test(secret)) return { kind: "bad", why: "own", at: 1, character: "" };
  if (secret.length > LONGEST) return { kind: "bad", why: "long", at: 1, character: "" };
  return null;
}

export interface Tally { add: number; skip: number; look: number }

export function tally(lines: Line[]): Tally {
  const sum = { add: 0, skip: 0, look: 0 };
  for (const { verdict } of lines) {
    if (verdict.kind === "new") sum.add++;
    else if (verdict.kind === "repeat" || verdict.kind === "comment") sum.skip++;
    else if (verdict.kind === "foreign" || verdict.kind === "bad") sum.look++;
  }
  return sum;
}

/** The text with only these lines in it, each where it was, so that the server's line numbers hold. */
export function only(text: string, lines: Line[], keep: (line: Line) => boolean): string {
  const raw = text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/);
  return lines.map((line, i) => (keep(line) ? (raw[i] ?? "") : "")).join("\n").replace(/\n+$/, "");
}

/** The text without these lines, for what is left to look at. */
export function without(text: string, lines: Set<number>): string {
  return text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/).filter((_, i) => !lines.has(i + 1)).join("\n");
}

/** The text as it is now without these lines of what was sent: what was typed meanwhile stays. */
export function withoutSent(now: string, sent: string, lines: Set<number>): string {
  if (now === sent) return without(sent, lines);
  const gone = sent.replace(/^\ufeff/, "").split(/\r\n|\n|\r/).filter((_, i) => lines.has(i + 1));
  return now.replace(/^\ufeff/, "").split(/\r\n|\n|\r/).filter((line) => {
    const at = gone.indexOf(line);
    if (at < 0) return true;
    gone.splice(at, 1);
    return false;
  }).join("\n");
}

/** sk-…wxyz, as the list will show it; of short keys less. */
export function masked(secret: string): string {
  if (secret.length >= 16) return `${secret.slice(0, 3)}…${secret.slice(-4)}`;
  return secret.length >= 10 ? `…${secret.slice(-2)}` : "…";
}
