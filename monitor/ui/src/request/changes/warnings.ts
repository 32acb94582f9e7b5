// The record's warnings, taken apart: `dropped seed`, `changed temperature`. What has another form is
// shown as it is.

export interface Warning { what: "dropped" | "changed" | "other"; name: string }

export function readWarning(text: string): Warning {
  const read = /^(dropped|changed) (\S+)$/.exec(text);
  return read ? { what: read[1] as "dropped" | "changed", name: read[2]! } : { what: "other", name: text };
}

/** Things of the client first: what went is worse than what changed. */
export function readWarnings(texts: readonly string[]): Warning[] {
  const order = { dropped: 0, changed: 1, other: 2 };
  return texts.map(readWarning).sort((a, b) => order[a.what] - order[b.what]);
}
