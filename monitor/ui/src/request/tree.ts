// A JSON value as the rows of a folding tree. Only what is open becomes rows, so that a body of
// megabytes costs what is looked at; paths are JSON Pointers (RFC 6901).

export interface TreeRow {
  path: string;
  /** the name within its parent; null at the root */
  key: string | number | null;
  value: unknown;
  depth: number;
  /** how many children; null for a leaf */
  size: number | null;
  open: boolean;
}

export const isContainer = (v: unknown): v is Record<string, unknown> | unknown[] => typeof v === "object" && v !== null;
export const sizeOf = (v: Record<string, unknown> | unknown[]) => (Array.isArray(v) ? v.length : Object.keys(v).length);
const step = (path: string, key: string | number) => `${path}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;

function* children(value: Record<string, unknown> | unknown[]): Generator<[string | number, unknown]> {
  if (Array.isArray(value)) for (let i = 0; i < value.length; i++) yield [i, value[i]];
  else for (const key of Object.keys(value)) yield [key, value[key]];
}

/** The rows of everything that is open. */
export function flatten(root: unknown, open: ReadonlySet<string>): TreeRow[] {
  const rows: TreeRow[] = [];
  const add = (value: unknown, key: string | number | null, path: string, depth: number) => {
    const container = isContainer(value);
    const isOpen = container && open.has(path);
    rows.push({ path, key, value, depth, size: container ? sizeOf(value) : null, open: isOpen });
    if (isOpen) for (const [k, v] of children(value)) add(v, k, step(path, k), depth + 1);
  };
  if (isContainer(root)) for (const [k, v] of children(root)) add(v, k, step("", k), 0);
  else add(root, null, "", 0);
  return rows;
}

/** What is open at first: level by level, as long as it stays readable. */
export function opening(root: unknown, budget = 160, widest = 60): Set<string> {
  const open = new Set<string>();
  let level: [string, unknown][] = isContainer(root) ? [...take(children(root), widest)].map(([k, v]) => [step("", k), v]) : [];
  let rows = level.length;
  while (level.length && rows < budget) {
    const next: [string, unknown][] = [];
    for (const [path, value] of level) {
      if (!isContainer(value)) continue;
      const n = sizeOf(value);
      if (n === 0 || n > widest || rows + n > budget) continue;
      open.add(path);
      rows += n;
      for (const [k, v] of children(value)) next.push([step(path, k), v]);
    }
    level = next;
  }
  return open;
}

function* take<T>(items: Iterable<T>, n: number): Generator<T> {
  for (const item of items) {
    if (n-- <= 0) return;
    yield item;
  }
}

/** Every container's path, up to a limit that a tree can still be scrolled with. */
export function everything(root: unknown, limit = 50_000): Set<string> {
  const open = new Set<string>();
  let rows = 0;
  const visit = (value: unknown, path: string) => {
    if (!isContainer(value) || rows > limit) return;
    open.add(path);
    rows += sizeOf(value);
    for (const [k, v] of children(value)) {
      if (rows > limit) return;
      if (isContainer(v)) visit(v, step(path, k));
    }
  };
  if (isContainer(root)) for (const [k, v] of children(root)) visit(v, step("", k));
  return open;
}

/** Paths whose key or plain value contains the text, in the tree's order. */
export function find(root: unknown, text: string, limit = 1000): string[] {
  const wanted = text.toLowerCase();
  const hits: string[] = [];
  const has = (v: unknown) => String(v).toLowerCase().includes(wanted);
  const visit = (value: unknown, key: string | number | null, path: string) => {
    if (hits.length >= limit) return;
    if ((typeof key === "string" && has(key)) || (!isContainer(value) && has(value))) hits.push(path);
    if (isContainer(value)) for (const [k, v] of children(value)) visit(v, k, step(path, k));
  };
  if (wanted) {
    if (isContainer(root)) for (const [k, v] of children(root)) visit(v, k, step("", k));
    else visit(root, null, "");
  }
  return hits;
}

/** The containers above a path. */
export function ancestors(path: string): string[] {
  const out: string[] = [];
  for (let at = path.indexOf("/", 1); at > 0; at = path.indexOf("/", at + 1)) out.push(path.slice(0, at));
  return out;
}

/** `messages[2].content`: how code would say it. */
export function spoken(path: string): string {
  return path
    .split("/")
    .slice(1)
    .map((p) => p.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((p, i) => (/^\d+$/.test(p) ? `[${p}]` : /^[A-Za-z_$][\w$]*$/.test(p) ? (i ? `.${p}` : p) : `[${JSON.stringify(p)}]`))
    .join("");
}

/** Text that is data rather than words: its size in bytes, else null. */
export function encodedSize(text: string): number | null {
  const data = /^data:[^,]{0,100};base64,/.exec(text.slice(0, 120));
  const body = data ? text.length - data[0].length : text.length;
  if (!data && (text.length < 1024 || !/^[A-Za-z0-9+/_-]+=*$/.test(text.slice(0, 1000)))) return null;
  return Math.floor((body * 3) / 4);
}
