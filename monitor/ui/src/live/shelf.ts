// Exchanges that have ended and are far from view, as bytes: a hundred thousand objects would be
// walked by every garbage collection, a few hundred buffers are not.

import type { Exchange } from "../api/types";

/** Exchanges that share a buffer. */
export const BOX = 256;
/** Of those that were asked for last, the objects: the same one is drawn again and again. */
const AT_HAND = 400;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
let scratch = new Uint8Array(64 * 1024);

interface Box {
  bytes: Uint8Array;
  /** where each exchange ends */
  ends: Uint32Array;
  /** how many are still wanted */
  left: number;
}

export class Shelf {
  /** id → box and place in it */
  private readonly places = new Map<string, number>();
  private readonly boxes = new Map<number, Box>();
  private readonly atHand = new Map<string, Exchange>();
  private nextBox = 0;

  get size() {
    return this.places.size;
  }

  has(id: string) {
    return this.places.has(id);
  }

  ids() {
    return this.places.keys();
  }

  /** Puts exchanges away; one that is there already is replaced. */
  put(exchanges: Exchange[]) {
    for (let from = 0; from < exchanges.length; from += BOX) this.pack(exchanges.slice(from, from + BOX));
  }

  get(id: string): Exchange | undefined {
    const place = this.places.get(id);
    if (place === undefined) return undefined;
    const known = this.atHand.get(id);
    if (known) return known;
    const { bytes, ends } = this.boxes.get(Math.floor(place / BOX))!;
    const n = place % BOX;
    const x = JSON.parse(decoder.decode(bytes.subarray(n ? ends[n - 1] : 0, ends[n]))) as Exchange;
    this.atHand.set(id, x);
    if (this.atHand.size > AT_HAND) this.atHand.delete(this.atHand.keys().next().value!);
    return x;
  }

  drop(id: string) {
    const place = this.places.get(id);
    if (place === undefined) return;
    this.places.delete(id);
    this.atHand.delete(id);
    const number = Math.floor(place / BOX);
    const box = this.boxes.get(number)!;
    if (--box.left === 0) this.boxes.delete(number);
  }

  clear() {
    this.places.clear();
    this.boxes.clear();
    this.atHand.clear();
  }

  private pack(exchanges: Exchange[]) {
    const ends = new Uint32Array(exchanges.length);
    let end = 0;
    exchanges.forEach((x, n) => {
      this.drop(x.id);
      const text = JSON.stringify(x);
      // UTF-8 takes three bytes at most for what is one unit of a string.
      if (scratch.length < end + text.length * 3) {
        const wider = new Uint8Array((end + text.length * 3) * 2);
        wider.set(scratch.subarray(0, end));
        scratch = wider;
      }
      end += encoder.encodeInto(text, scratch.subarray(end)).written;
      ends[n] = end;
    });
    const number = this.nextBox++;
    this.boxes.set(number, { bytes: scratch.slice(0, end), ends, left: exchanges.length });
    exchanges.forEach((x, n) => this.places.set(x.id, number * BOX + n));
  }
}
