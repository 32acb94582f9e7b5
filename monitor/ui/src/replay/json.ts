// One value inside a JSON text, read and set where it stands: what somebody wrote around it keeps
// its order, its spaces and its digits. Only walks what it must; the text may be wrong elsewhere.

export type Path = readonly (string | number)[];
interface Span { start: number; end: number }

const SPACE = /\s/;

function skip(text: string, at: number): number {
  while (at < text.length && SPACE.test(text[at]!)) at++;
  return at;
}

/** Past the string that begins here; -1 where it never ends. */
function pastString(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i + 1;
  }
  return -1;
}

/** Past the value that begins here; -1 where it is cut. */
function pastValue(text: string, at: number): number {
  if (text[at] === '"') return pastString(text, at);
  if (text[at] !== "{" && text[at] !== "[") {
    let end = at;
    while (end < text.length && !/[\s,\]}]/.test(text[end]!)) end++;
    return end > at ? end : -1;
  }
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      i = pastString(text, i) - 1;
      if (i < 0) return -1;
    } else if (c === "{" || c === "[") depth++;
    else if ((c === "}" || c === "]") && --depth === 0) return i + 1;
  }
  return -1;
}

/** Where the value at `path` stands. */
function find(text: string, path: Path): Span | null {
  let start = skip(text, 0);
  for (const step of path) {
    const open = typeof step === "number" ? "[" : "{";
    if (text[start] !== open) return null;
    let at = skip(text, start + 1);
    let found = -1;
    for (let n = 0; at < text.length && text[at] !== "}" && text[at] !== "]"; n++) {
      let name: unknown = n;
      if (open === "{") {
        const end = text[at] === '"' ? pastString(text, at) : -1;
        if (end < 0) return null;
        try {
          name = JSON.parse(text.slice(at, end));
        } catch {
          return null;
        }
        at = skip(text, end);
        if (text[at] !== ":") return null;
        at = skip(text, at + 1);
      }
      // A name that comes twice means its last value.
      if (name === step) found = at;
      const end = pastValue(text, at);
      if (end < 0) break;
      at = skip(text, end);
      if (text[at] === ",") at = skip(text, at + 1);
    }
    if (found < 0) return null;
    start = found;
  }
  const end = pastValue(text, start);
  return end < 0 ? null : { start, end };
}

/** The value at `path`; undefined where there is none that can be read. */
export function read(text: string, path: Path): unknown {
  const span = find(text, path);
  if (!span) return undefined;
  try {
    return JSON.parse(text.slice(span.start, span.end)) as unknown;
  } catch {
    return undefined;
  }
}

/** The text with a field of the outermost object set, or taken out with `undefined`. */
export function setField(text: string, name: string, value: unknown): string {
  const span = find(text, [name]);
  if (span && value !== undefined) return put(text, span, value);
  if (span) return without(text, span);
  const open = skip(text, 0);
  if (value === undefined || text[open] !== "{") return text;
  const rest = skip(text, open + 1);
  const lead = text.slice(open + 1, rest);
  return `${text.slice(0, open + 1)}${lead}${JSON.stringify(name)}: ${JSON.stringify(value)}${text[rest] === "}" ? "" : `,${lead || " "}`}${text.slice(rest)}`;
}

/** The text with what stands at `path` replaced; as it is where nothing stands there. */
export function setAt(text: string, path: Path, value: unknown): string {
  const span = find(text, path);
  return span ? put(text, span, value) : text;
}

/** The text with `value` as the first element of the list at `path`. */
export function insertFirst(text: string, path: Path, value: unknown): string {
  const span = find(text, path);
  if (!span || text[span.start] !== "[") return text;
  const rest = skip(text, span.start + 1);
  const lead = text.slice(span.start + 1, rest);
  return `${text.slice(0, span.start + 1)}${lead}${JSON.stringify(value)}${text[rest] === "]" ? "" : `,${lead || " "}`}${text.slice(rest)}`;
}

const put = (text: string, { start, end }: Span, value: unknown) => text.slice(0, start) + JSON.stringify(value) + text.slice(end);

function without(text: string, { start, end }: Span): string {
  // Back over the colon and the name to the comma or brace before it.
  let from = text.lastIndexOf('"', text.lastIndexOf(":", start - 1));
  do from = text.lastIndexOf('"', from - 1); while (from > 0 && text[from - 1] === "\\");
  let to = skip(text, end);
  if (text[to] === ",") return text.slice(0, from) + text.slice(skip(text, to + 1));
  // It was the last: the comma before it goes instead.
  const before = text.slice(0, from).trimEnd();
  if (before.endsWith(",")) return before.slice(0, -1) + text.slice(end);
  to = end;
  return text.slice(0, from) + text.slice(to);
}

/** Where a JSON text is wrong: line and column from 1, and the engine's word for it; null: it is not. */
export function wrong(text: string): { line: number; column: number; message: string } | null {
  try {
    JSON.parse(text);
    return null;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : "";
    const told = /line (\d+) column (\d+)/.exec(message);
    if (told) return { line: Number(told[1]), column: Number(told[2]), message };
    const place = /position (\d+)/.exec(message);
    const at = place ? Number(place[1]) : text.length;
    const before = text.slice(0, at).split("\n");
    return { line: before.length, column: before.at(-1)!.length + 1, message };
  }
}

/** JSON laid out for reading, every value as it was written; what is no JSON as it is. */
export function lay(text: string): string {
  if (wrong(text)) return text;
  let out = "";
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  for (let i = 0; i < text.length;) {
    const c = text[i]!;
    if (SPACE.test(c)) i++;
    else if (c === '"') {
      const end = pastString(text, i);
      out += text.slice(i, end);
      i = end;
    } else if (c === "{" || c === "[") {
      const inner = skip(text, i + 1);
      if (text[inner] === "}" || text[inner] === "]") {
        out += c + text[inner];
        i = inner + 1;
      } else {
        depth++;
        out += c + line();
        i++;
      }
    } else if (c === "}" || c === "]") {
      depth--;
      out += line() + c;
      i++;
    } else {
      const end = c === "," || c === ":" ? i + 1 : pastValue(text, i);
      out += c === "," ? `,${line()}` : c === ":" ? ": " : text.slice(i, end);
      i = end;
    }
  }
  return out;
}
