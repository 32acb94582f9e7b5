// What two states of a thing differ in, as rows of text. Plain.

export interface Difference { field: string; before: string | null; after: string | null }

/** Fields that move by themselves. */
const PASSING = new Set(["last_used_at", "total_requests", "spent_usd", "remaining_usd", "latency_ms", "in_flight"]);

const text = (value: unknown) => (value === undefined ? null : typeof value === "string" ? value : JSON.stringify(value));
const fields = (state: unknown): Record<string, unknown> =>
  state !== null && typeof state === "object" && !Array.isArray(state) ? (state as Record<string, unknown>) : state == null ? {} : { "": state };

export function differences(before: unknown, after: unknown): Difference[] {
  const [was, is] = [fields(before), fields(after)];
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  return names
    .filter((name) => before == null || after == null || !PASSING.has(name))
    .map((name) => ({ field: name, before: text(was[name]), after: text(is[name]) }))
    .filter((d) => d.before !== d.after);
}
