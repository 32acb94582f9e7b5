// An answer played again as it came: a clock that runs at a speed, what had come by then, and the end
// of what it said. Pure but for the frames it is driven by.

export const SPEEDS = [0.5, 1, 2, 4, 10] as const;
/** Longer silences are passed over where somebody asks for it. */
export const LULL_MS = 2000;

export interface Clock {
  /** Milliseconds from the request's start. */
  at: number;
  playing: boolean;
}

/** Frames that had come by `at`; `offsets` rise. */
export function come(offsets: readonly number[], at: number): number {
  let [low, high] = [0, offsets.length];
  while (low < high) {
    const mid = (low + high) >> 1;
    if (offsets[mid]! <= at) low = mid + 1;
    else high = mid;
  }
  return low;
}

/** The clock after `passed` ms of the reader's time. Silences longer than `LULL_MS` may be cut short. */
export function tick(clock: Clock, passed: number, speed: number, offsets: readonly number[], skipLulls: boolean): Clock {
  if (!clock.playing) return clock;
  const end = offsets.at(-1) ?? 0;
  let at = clock.at + passed * speed;
  if (skipLulls) {
    const next = offsets[come(offsets, clock.at)];
    // The silence has lasted long enough: on to a moment before its end.
    const since = offsets[come(offsets, clock.at) - 1] ?? 0;
    if (next !== undefined && next - since > LULL_MS && clock.at - since >= LULL_MS / 4) at = Math.max(at, next - 200);
  }
  return at >= end ? { at: end, playing: false } : { at, playing: true };
}

/** The end of what had been said, frame by frame: goes on from where it was, and begins anew only further back. */
export class Tail {
  private of: readonly string[] = [];
  private at = 0;
  private text = "";

  constructor(/** Characters that are kept. */ private readonly most: number) {}

  /** After the first `n` of `deltas`. */
  upTo(deltas: readonly string[], n: number): string {
    const on = deltas === this.of && n >= this.at;
    let added = "";
    // From the end, so that a leap over a long stream reads no more than is kept of it.
    for (let i = n - 1; i >= (on ? this.at : 0) && added.length < this.most; i--) added = deltas[i]! + added;
    this.text = ((on ? this.text : "") + added).slice(-this.most);
    this.of = deltas;
    this.at = n;
    return this.text;
  }
}
