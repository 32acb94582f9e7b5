// The body of a running exchange, put together from deltas. Each says where it starts, in bytes of
// the decoded text, so that what is repeated after a reconnect is dropped and nothing is doubled.

import type { BodyDelta } from "./feed";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** So many waiting behind a gap mean that the missing one will not come by itself. */
const TOO_MANY = 64;

export class DeltaText {
  /** bytes of decoded text held so far */
  bytes = 0;
  private chunks: string[] = [];
  private waiting: BodyDelta[] = [];

  /** What this delta adds, in order; empty when it is a repeat or must wait for an earlier one. */
  take(delta: BodyDelta): { text: string; offset_ms: number }[] {
    this.waiting.push(delta);
    this.waiting.sort((a, b) => a.from - b.from);
    const fresh: { text: string; offset_ms: number }[] = [];
    while (this.waiting[0] && this.waiting[0].from <= this.bytes) {
      const next = this.waiting.shift()!;
      const data = encoder.encode(next.data);
      const known = this.bytes - next.from;
      if (data.length <= known) continue;
      const text = known === 0 ? next.data : decoder.decode(data.subarray(known));
      this.bytes = next.from + data.length;
      this.chunks.push(text);
      fresh.push({ text, offset_ms: next.offset_ms });
    }
    return fresh;
  }

  /** A piece is missing; asking again brings everything from the start. */
  get stuck() {
    return this.waiting.length > TOO_MANY;
  }

  get text() {
    if (this.chunks.length > 1) this.chunks = [this.chunks.join("")];
    return this.chunks[0] ?? "";
  }
}
