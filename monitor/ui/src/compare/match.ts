// Two conversations turn by turn: which said the same, which was said differently, which only one
// of them has. What is no text is named in the words of the language.

import type { Part, Turn } from "../dialect";
import { size } from "../dialect/types";
import { words } from "../i18n";

export interface Pair {
  kind: "same" | "changed" | "left" | "right";
  left: Turn | null;
  right: Turn | null;
}

/** More turns than this on a side are matched by place alone. */
const MOST = 1500;

/** What a turn says, as text to compare. */
export function told(turn: Turn): string {
  return turn.parts.map(part).join("\n");
}
function part(p: Part): string {
  switch (p.kind) {
    case "text": case "refusal": return p.text;
    case "reasoning": return p.hidden ? "" : p.text;
    case "image": return `[${words.value.talk.image} ${p.mime ?? p.url.slice(0, 80)} ${p.bytes ?? ""} ${p.url.slice(-24)}]`;
    case "file": return `[${words.value.talk.file} ${p.name ?? ""} ${p.mime ?? ""} ${p.bytes ?? ""}]`;
    case "call": return `${p.name}(${args(p.args)})${p.result ? `\n→ ${p.result.parts.map(part).join("\n")}` : ""}`;
    case "result": return `→ ${p.parts.map(part).join("\n")}`;
    case "vectors": return `[${p.count} × ${p.dimensions}: ${p.sample.join(", ")}]`;
    case "data": return `${p.label} ${JSON.stringify(p.value)}`;
  }
}
/** Ids and spaces of a call differ where its meaning does not. */
function args(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    return text;
  }
}

const alike = (a: Turn, b: Turn) => a.role === b.role && told(a) === told(b);

/** Matched in order: the longest run of turns that say the same, then by role between them. */
export function match(left: readonly Turn[], right: readonly Turn[]): Pair[] {
  let head = 0;
  while (head < left.length && head < right.length && alike(left[head]!, right[head]!)) head++;
  let tail = 0;
  while (tail < left.length - head && tail < right.length - head && alike(left[left.length - 1 - tail]!, right[right.length - 1 - tail]!)) tail++;
  const same = (l: Turn, r: Turn): Pair => ({ kind: "same", left: l, right: r });
  const middle = between(left.slice(head, left.length - tail), right.slice(head, right.length - tail));
  return [
    ...left.slice(0, head).map((t, i) => same(t, right[i]!)),
    ...middle,
    ...left.slice(left.length - tail).map((t, i) => same(t, right[right.length - tail + i]!)),
  ];
}

function between(left: readonly Turn[], right: readonly Turn[]): Pair[] {
  if (left.length > MOST || right.length > MOST || left.length === 0 || right.length === 0) return paired(left, right);
  const [a, b] = [left.map((t) => `${t.role}\0${told(t)}`), right.map((t) => `${t.role}\0${told(t)}`)];
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let k = b.length - 1; k >= 0; k--) {
      longest[i * width + k] = a[i] === b[k] ? longest[(i + 1) * width + k + 1]! + 1 : Math.max(longest[(i + 1) * width + k]!, longest[i * width + k + 1]!);
    }
  }
  const out: Pair[] = [];
  let [i, k] = [0, 0];
  let [fromI, fromK] = [0, 0];
  while (i < a.length && k < b.length) {
    if (a[i] === b[k]) {
      out.push(...paired(left.slice(fromI, i), right.slice(fromK, k)), { kind: "same", left: left[i]!, right: right[k]! });
      [fromI, fromK] = [++i, ++k];
    } else if (longest[(i + 1) * width + k]! >= longest[i * width + k + 1]!) i++;
    else k++;
  }
  return [...out, ...paired(left.slice(fromI), right.slice(fromK))];
}

/** What has no equal: the next of the same role is taken for the same turn, said differently. */
function paired(left: readonly Turn[], right: readonly Turn[]): Pair[] {
  const out: Pair[] = [];
  let k = 0;
  for (const l of left) {
    const at = right.findIndex((r, n) => n >= k && r.role === l.role);
    if (at < 0) {
      out.push({ kind: "left", left: l, right: null });
      continue;
    }
    for (; k < at; k++) out.push({ kind: "right", left: null, right: right[k]! });
    const r = right[k++]!;
    out.push({ kind: alike(l, r) ? "same" : "changed", left: l, right: r });
  }
  for (; k < right.length; k++) out.push({ kind: "right", left: null, right: right[k]! });
  return out;
}

/** Runs of turns that say the same, folded; what differs stands free. */
export function stretches(pairs: readonly Pair[]): { same: boolean; pairs: Pair[]; chars: number }[] {
  const out: { same: boolean; pairs: Pair[]; chars: number }[] = [];
  for (const pair of pairs) {
    const same = pair.kind === "same";
    const last = out.at(-1);
    const chars = pair.left ? size(pair.left.parts) : 0;
    if (last && same && last.same) {
      last.pairs.push(pair);
      last.chars += chars;
    } else out.push({ same, pairs: [pair], chars });
  }
  return out;
}

export interface ParameterRow { name: string; left: string | null; right: string | null }

/** Parameters of both, those that differ first. */
export function parameters(left: readonly [string, string][], right: readonly [string, string][]): ParameterRow[] {
  const [a, b] = [new Map(left), new Map(right)];
  const names = [...new Set([...a.keys(), ...b.keys()])];
  const rows = names.map((name): ParameterRow => ({ name, left: a.get(name) ?? null, right: b.get(name) ?? null }));
  return [...rows.filter((r) => r.left !== r.right), ...rows.filter((r) => r.left === r.right)];
}
