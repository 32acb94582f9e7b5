// What a model can, as people write it: names with commas, or the JSON object itself.

export type Capabilities = Record<string, unknown>;

/** The names of what it can; what has another value than yes or no is told with its value. */
export function capable(of: Capabilities): string[] {
  return Object.entries(of).flatMap(([name, value]) => (value === true ? [name] : value === false || value === null ? [] : [`${name}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`]));
}

/** As names while that says everything, else as JSON. */
export function writeCapabilities(of: Capabilities): string {
  const plain = Object.entries(of).every(([name, value]) => value === true && !/[,{}\n]/.test(name));
  return plain ? Object.keys(of).join(", ") : JSON.stringify(of);
}

/** null where it is neither. */
export function readCapabilities(text: string): Capabilities | null {
  const trimmed = text.trim();
  if (!/^[[{"]/.test(trimmed)) return Object.fromEntries(trimmed.split(/[,，\n]/).map((s) => s.trim()).filter(Boolean).map((name) => [name, true]));
  try {
    const value: unknown = JSON.parse(trimmed);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Capabilities) : null;
  } catch {
    return null;
  }
}
