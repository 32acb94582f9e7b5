// What somebody recorded, as it may be shown: characters that no one sees but that change what one
// sees are made visible. An escape sequence is text here, and text runs the way its letters do.

/** Control characters but tab and line breaks; marks that turn the direction of what follows. */
const HIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/g;
const ANY = new RegExp(HIDDEN.source);

const TURNS: Record<string, string> = { "\u202A": "LRE", "\u202B": "RLE", "\u202C": "PDF", "\u202D": "LRO", "\u202E": "RLO", "\u2066": "LRI", "\u2067": "RLI", "\u2068": "FSI", "\u2069": "PDI" };

function shown(c: string): string {
  const code = c.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return code < 0xa0 ? `[${code.toString(16).toUpperCase()}]` : `[${TURNS[c] ?? ""}]`;
}

/** The text with nothing hidden in it. */
export const visible = (text: string): string => (ANY.test(text) ? text.replace(HIDDEN, shown) : text);
