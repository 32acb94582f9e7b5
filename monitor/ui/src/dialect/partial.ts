// Reads JSON that was cut off: a body kept only up to the cap, or one still arriving. What is whole
// is kept, the broken end is dropped, and the open brackets are closed.

export interface Read { value: unknown; whole: boolean }

export function readJson(text: string): Read | null {
  try {
    return { value: JSON.parse(text), whole: true };
  } catch {
    const closed = close(text);
    if (closed === null) return null;
    try {
      return { value: JSON.parse(closed), whole: false };
    } catch {
      return null;
    }
  }
}

function close(text: string): string | null {
  const open: ("}" | "]")[] = [];
  // The last place where everything before it stands, and what was open there.
  let safe = -1;
  let safeOpen: string[] = [];
  let inString = false;
  let stringAt = 0;
  let isValue = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 92) i++;
      else if (c === 34) inString = false;
      continue;
    }
    switch (c) {
      case 34:
        inString = true;
        stringAt = i;
        isValue = open.at(-1) === "]" || lastSolid(text, i) === ":";
        break;
      case 123: case 91:
        open.push(c === 123 ? "}" : "]");
        safe = i + 1;
        safeOpen = [...open];
        break;
      case 125: case 93:
        if (open.pop() === undefined) return null;
        safe = i + 1;
        safeOpen = [...open];
        break;
      case 44:
        safe = i;
        safeOpen = [...open];
        break;
      default:
    }
  }
  if (safe < 0) return null;
  // A long text cut in its middle is most of what was said: keep it.
  if (inString && isValue && text.length - stringAt > 1) {
    const cut = text.slice(stringAt).replace(/\\(u[0-9a-fA-F]{0,3})?$/, "");
    return text.slice(0, stringAt) + cut + '"' + [...open].reverse().join("");
  }
  return text.slice(0, safe) + [...safeOpen].reverse().join("");
}

function lastSolid(text: string, before: number): string | undefined {
  let i = before - 1;
  while (i >= 0 && /\s/.test(text[i]!)) i--;
  return text[i];
}
