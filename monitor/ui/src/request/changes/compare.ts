// What differs between two JSON bodies, as rows a person reads: a path, what stood there, what
// stands there now. Loaded only where somebody looks, and jsondiffpatch with it.

import { create } from "jsondiffpatch";
import { isObject, list, str } from "../../dialect/types";

export interface Change {
  kind: "added" | "removed" | "changed" | "moved" | "renamed";
  path: string;
  /** Where a moved or renamed one was. */
  from?: string;
  before?: unknown;
  after?: unknown;
}

const hashes = new WeakMap<object, string>();

/** What an element of a list is about, so that a message is found again in another shape. */
function about(item: object): string {
  let hash = hashes.get(item);
  if (hash === undefined) hashes.set(item, (hash = read(item)));
  return hash;
}
function read(item: unknown): string {
  if (!isObject(item)) return JSON.stringify(item);
  const inner = isObject(item.function) ? item.function : item;
  const id = str(item.tool_use_id) ?? str(item.tool_call_id) ?? str(item.call_id) ?? str(item.id);
  if (id) return `#${id}`;
  if (str(item.role)) return `${str(item.role)}|${words(item.content).slice(0, 400)}`;
  if (str(inner.name)) return `tool ${str(inner.name)}`;
  return words(item) || JSON.stringify(item);
}
function words(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(words).join("");
  return isObject(value) ? (str(value.text) ?? words(value.content)) : "";
}

const differ = create({ objectHash: about, arrays: { detectMove: true }, omitRemovedValues: false });

export function changes(before: unknown, after: unknown): Change[] {
  const out: Change[] = [];
  walk(differ.diff(before, after), "", out);
  return renamed(out);
}

const join = (path: string, name: string) => (/^[\w$-]+$/.test(name) ? (path ? `${path}.${name}` : name) : `${path}[${JSON.stringify(name)}]`);

function walk(delta: unknown, path: string, out: Change[]): void {
  if (delta === undefined) return;
  if (Array.isArray(delta)) {
    if (delta.length === 1) out.push({ kind: "added", path, after: delta[0] });
    else if (delta.length === 2) out.push({ kind: "changed", path, before: delta[0], after: delta[1] });
    else out.push({ kind: "removed", path, before: delta[0] });
    return;
  }
  if (!isObject(delta)) return;
  if (delta._t !== "a") {
    for (const [name, inner] of Object.entries(delta)) walk(inner, join(path, name), out);
    return;
  }
  const at = (name: string) => Number(name.replace("_", ""));
  const names = Object.keys(delta).filter((name) => name !== "_t").sort((a, b) => at(a) - at(b) || (a.startsWith("_") ? -1 : 1));
  for (const name of names) {
    const inner = list(delta[name]);
    if (name.startsWith("_") && inner[2] === 3) out.push({ kind: "moved", from: `${path}[${at(name)}]`, path: `${path}[${String(inner[1])}]` });
    else walk(delta[name], `${path}[${at(name)}]`, out);
  }
}

/** A field that went and one that came beside it with the same value are one that was renamed. */
function renamed(rows: Change[]): Change[] {
  const parent = (path: string) => path.slice(0, Math.max(path.lastIndexOf("."), path.lastIndexOf("["), 0));
  const telling = (value: unknown) => (typeof value === "string" && value !== "") || typeof value === "number" || (typeof value === "object" && value !== null && JSON.stringify(value).length > 2);
  const gone = new Set<Change>();
  const out = rows.map((row): Change => {
    if (row.kind !== "added" || row.path.endsWith("]") || !telling(row.after)) return row;
    const same = rows.filter((r) => r.kind === "removed" && !r.path.endsWith("]") && !gone.has(r) && parent(r.path) === parent(row.path) && JSON.stringify(r.before) === JSON.stringify(row.after));
    if (same.length !== 1) return row;
    gone.add(same[0]!);
    return { kind: "renamed", path: row.path, from: same[0]!.path, after: row.after };
  });
  return out.filter((row) => !gone.has(row));
}
