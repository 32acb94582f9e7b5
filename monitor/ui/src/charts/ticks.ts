// Where a chart's axes have their marks: round numbers upwards, round times along. Pure.

/** Round numbers from 0 to at least `most`, about `many` of them; `whole` where halves make no sense. */
export function amounts(most: number, whole = false, many = 4): number[] {
  if (!(most > 0) || !Number.isFinite(most)) return [0, 1];
  const rough = whole ? Math.max(1, most / many) : most / many;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * size).find((n) => n >= rough * 0.999 && (!whole || Number.isInteger(n)))!;
  const out: number[] = [];
  // Multiplied, not added up: 0.1 + 0.2 is no round number.
  for (let n = 0; ; n++) {
    out.push(Number((n * step).toPrecision(12)));
    if (n * step >= most * 0.999) return out;
  }
}

/** 1, 2, 5, 10, … around the values of a logarithmic axis; 1, 10, 100, … where those were too many. */
export function decades(least: number, most: number): number[] {
  if (!(least > 0) || !(most > 0)) return [1, 10];
  if (most / least > 300) {
    const [first, last] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
    return Array.from({ length: last - first + 1 }, (_, i) => Number((10 ** (first + i)).toPrecision(6)));
  }
  const out: number[] = [];
  for (let power = Math.floor(Math.log10(least)) - 1; ; power++) {
    for (const n of [1, 2, 5]) {
      const at = n * 10 ** power;
      const next = n === 1 ? 2 * at : n === 2 ? 2.5 * at : 2 * at;
      if (next <= least) continue;
      out.push(Number(at.toPrecision(6)));
      if (at >= most && out.length > 1) return out;
    }
  }
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 5760, 10_080, 20_160, 43_200];

/** The slots whose start is a round time on the reader's clock, at most `many` of them. */
export function moments(since: number, widthMinutes: number, count: number, many: number): number[] {
  const step = STEPS.find((n) => n >= widthMinutes && (count * widthMinutes) / n <= many) ?? STEPS.at(-1)!;
  const out: number[] = [];
  for (let slot = 0; slot < count; slot++) {
    const at = since + slot * widthMinutes * 60_000;
    // Minutes since the reader's midnight, and days since his epoch: both step from there.
    const local = Math.floor(at / 60_000) - new Date(at).getTimezoneOffset();
    if (((local % step) + step) % step < widthMinutes) out.push(slot);
  }
  return out;
}
