// The points of a small curve. Counts are put together until they are as many as can be told apart.

/** Pixels that one point takes. */
const STEP = 3;

/** Sums of neighbors, at most `many`, oldest first; the first may be of fewer. */
export function gathered(counts: readonly number[], many: number): number[] {
  const each = Math.max(1, Math.ceil(counts.length / Math.max(1, many)));
  const out: number[] = [];
  for (let end = counts.length; end > 0; end -= each) out.unshift(counts.slice(Math.max(0, end - each), end).reduce((sum, n) => sum + n, 0));
  return out;
}

/** An SVG path from left to right; `most` is the sum that reaches the top, so that curves of one list compare. */
export function curve(counts: readonly number[], most: number, width: number, height: number): string {
  const sums = gathered(counts, Math.floor(width / STEP));
  const x = (i: number) => (sums.length < 2 ? width : (i / (sums.length - 1)) * width);
  // On a square root, as all bars here: a quiet key beside a busy one still shows its shape.
  const y = (n: number) => height - 1 - Math.sqrt(most > 0 ? Math.min(1, n / most) : 0) * (height - 2);
  return sums.map((n, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(n).toFixed(1)}`).join("") || `M0 ${height - 1}H${width}`;
}
