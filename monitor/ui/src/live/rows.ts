// The rows of one filtered list: which exchanges it shows and in what order, newest first by id.
// Plain data, no Vue: insertion, holding back, and paging are tested here, drawn elsewhere.

const descending = (a: string, b: string) => (a < b ? 1 : a > b ? -1 : 0);

/** More than this held back is not kept but counted, to be asked for again. */
export const HELD = 5_000;
/** More than this is not counted either: the number is then too small, and nobody reads it. */
const COUNTED = 100_000;

/** Ids are UUIDv7: their order as text is the order of starting. */
export class Rows {
  /** newest first, no repeats */
  ids: string[] = [];
  /** arrived while the list was not at its top: newest last */
  held = new Set<string>();
  /** arrived when enough was held */
  beyond = new Set<string>();

  has(id: string) {
    return this.shows(id) || this.held.has(id) || this.beyond.has(id);
  }

  shows(id: string) {
    return this.ids[this.find(id)] === id;
  }

  /** Puts exchanges where their ids belong; a frame's worth at once, since each move of the array costs. */
  insert(...fresh: string[]) {
    const wanted = [...new Set(fresh)].filter((id) => !this.shows(id)).sort(descending);
    if (!wanted.length) return;
    for (const id of wanted) this.held.delete(id);
    const newest = this.ids[0];
    if (newest === undefined || wanted.at(-1)! > newest) this.ids.unshift(...wanted);
    else if (wanted.length < 8) for (const id of wanted) this.ids.splice(this.find(id), 0, id);
    else this.ids = wanted.concat(this.ids).sort(descending);
  }

  /** Adds a page of older ones in one go. */
  append(page: string[]) {
    const fresh = page.filter((id) => !this.shows(id));
    if (!fresh.length) return;
    for (const id of fresh) this.held.delete(id);
    const last = this.ids.at(-1);
    // Into the same array: a hundred thousand rows are not copied for each page.
    this.ids.push(...fresh);
    if (last !== undefined && fresh.some((id, i) => id > (i ? fresh[i - 1]! : last))) this.ids.sort(descending);
  }

  hold(id: string) {
    if (this.has(id)) return;
    if (this.held.size < HELD) this.held.add(id);
    else if (this.beyond.size < COUNTED) this.beyond.add(id);
  }

  /** Shows what was held back. */
  release() {
    this.insert(...this.held);
    this.held.clear();
    this.beyond.clear();
  }

  remove(id: string) {
    this.held.delete(id);
    this.beyond.delete(id);
    const at = this.find(id);
    if (this.ids[at] === id) this.ids.splice(at, 1);
  }

  /** Drops the oldest beyond `keep`; says whether any went. */
  trim(keep: number): boolean {
    if (this.ids.length <= keep) return false;
    this.ids.length = keep;
    return true;
  }

  /** Index of `id`, or of the first older one. */
  find(id: string): number {
    let low = 0;
    let high = this.ids.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.ids[mid]! > id) low = mid + 1;
      else high = mid;
    }
    return low;
  }
}
