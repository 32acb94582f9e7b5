// The numbers behind the waterfall and the frame plot: nice ticks, columns of dots, gaps.

import { STALL_MS } from "../requests/state";

/** Round steps that give at most `most` ticks up to `total` ms. */
export function ticks(total: number, most: number): number[] {
  if (!(total > 0)) return [0];
  const rough = total / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const minutes = [15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 1800e3, 3600e3];
  const step = (rough > 10e3 ? minutes.find((s) => s >= rough) : undefined) ?? [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough)!;
  return Array.from({ length: Math.floor(total / step + 1e-9) + 1 }, (_, i) => i * step);
}

/** Silences between frames that are long enough to be stalls. */
export function gaps(offsets: number[], least = STALL_MS): { index: number; from: number; to: number }[] {
  const out = [];
  for (let i = 1; i < offsets.length; i++) {
    if (offsets[i]! - offsets[i - 1]! >= least) out.push({ index: i, from: offsets[i - 1]!, to: offsets[i]! });
  }
  return out;
}

/** Frames per column: height is speed, empty is a gap. */
export function columns(offsets: number[], total: number, n: number): number[] {
  const out = new Array<number>(n).fill(0);
  for (const o of offsets) out[Math.max(0, Math.min(n - 1, Math.floor((o / total) * n)))]!++;
  return out;
}
