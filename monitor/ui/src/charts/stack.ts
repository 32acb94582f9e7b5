// Lines put on top of each other, and what a chart says in words. Pure.

/** One line of a chart, from the baseline up where they are stacked. */
export interface Line {
  label: string;
  values: readonly (number | null)[];
  /** The custom property that holds its colour. */
  ink: string;
  /** Filled weakly, with a strong edge: what is usual stays quiet. */
  quiet?: boolean;
  dashed?: boolean;
}

/** Each line's upper edge: its own values and all below it. */
export function stacked(lines: readonly (readonly (number | null)[])[]): number[][] {
  const sums: number[] = [];
  return lines.map((line) => line.map((value, slot) => (sums[slot] = (sums[slot] ?? 0) + (value ?? 0))));
}

export const total = (values: readonly (number | null)[]) => values.reduce<number>((sum, n) => sum + (n ?? 0), 0);

/** The slot in which the sum of all lines is largest; -1 where all are empty. */
export function peak(lines: readonly (readonly (number | null)[])[]): number {
  const sums = stacked(lines).at(-1) ?? [];
  let at = -1;
  sums.forEach((sum, slot) => {
    if (sum > (at < 0 ? 0 : sums[at]!)) at = slot;
  });
  return at;
}

/** Least and largest of what is known, whatever its line; null where nothing is. */
export function extent(lines: readonly (readonly (number | null)[])[]): [number, number] | null {
  let least = Infinity;
  let most = -Infinity;
  for (const line of lines)
    for (const value of line) {
      if (value === null) continue;
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
  return least <= most ? [least, most] : null;
}

/** A small line from left to right in a box of 100 × `height`, and the area below it; gaps are bridged. */
export function trace(values: readonly (number | null)[], height: number): { edge: string; area: string } {
  const most = Math.max(0, ...values.map((n) => n ?? 0));
  const x = (i: number) => (values.length < 2 ? 100 : (i / (values.length - 1)) * 100);
  const y = (n: number) => height - 1 - (most > 0 ? n / most : 0) * (height - 2);
  const points = values.flatMap((n, i) => (n === null ? [] : [[x(i), y(n)] as const]));
  if (!points.length) return { edge: `M0 ${height - 1}H100`, area: "" };
  // One value alone is a dash where it stands, not a line through an hour.
  const first = points[0]!;
  const from = points.length === 1 ? Math.max(0, first[0] - 2) : first[0];
  const edge = `M${from.toFixed(1)} ${first[1].toFixed(1)}${points.slice(points.length === 1 ? 0 : 1).map(([px, py]) => `L${px.toFixed(1)} ${py.toFixed(1)}`).join("")}`;
  return { edge, area: `${edge}V${height}H${from.toFixed(1)}z` };
}
