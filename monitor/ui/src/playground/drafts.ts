// What has been typed and not sent outlives a reload, a lost connection and a closed tab: it is
// kept in this browser, per conversation, for the last few of them.

import { blank, draftOf, type Draft, type Setup } from "./shapes";

const STORED = "glassway.playground";
const MOST = 12;
/** Characters of images that are worth trying to keep. */
const ROOM = 4_000_000;

interface Kept { drafts: [key: string, draft: Draft][]; setup: Setup | null }

type Storage = Pick<globalThis.Storage, "getItem" | "setItem">;

const isDraft = (d: unknown): d is Draft => typeof d === "object" && d !== null && typeof (d as Draft).text === "string" && typeof (d as Draft).setup === "object";

/** This browser's storage; where it is blocked, reading it throws, and nothing is kept. */
export function browserStorage(): Storage {
  try {
    return localStorage;
  } catch {
    return { getItem: () => null, setItem() {} };
  }
}

export class Drafts {
  private readonly drafts = new Map<string, Draft>();
  private setup: Setup | null = null;

  constructor(private readonly storage: Storage) {
    try {
      const kept = JSON.parse(storage.getItem(STORED) ?? "null") as Kept | null;
      if (!kept) return;
      this.setup = kept.setup && { ...blank(), ...kept.setup };
      for (const [key, draft] of kept.drafts) {
        if (isDraft(draft)) this.drafts.set(key, { ...draftOf(blank()), ...draft, setup: { ...blank(), ...draft.setup } });
      }
    } catch {
      // Storage is off, or holds something else: drafts last until the page is closed.
    }
  }

  /** The setup that was used last, for a new conversation. */
  last(): Setup {
    return { ...blank(), ...this.setup };
  }

  of(key: string): Draft | null {
    return this.drafts.get(key) ?? null;
  }

  keep(key: string, draft: Draft) {
    this.drafts.delete(key);
    this.drafts.set(key, draft);
    for (const old of [...this.drafts.keys()].slice(0, -MOST)) this.drafts.delete(old);
    this.setup = draft.setup;
    this.write();
  }

  /** A new conversation has got its id. */
  move(from: string, to: string) {
    const draft = this.drafts.get(from);
    if (!draft) return;
    this.drafts.delete(from);
    this.keep(to, draft);
  }

  drop(key: string) {
    if (this.drafts.delete(key)) this.write();
  }

  private write() {
    const drafts = [...this.drafts];
    const bare = ([key, draft]: [string, Draft]): [string, Draft] => [key, { ...draft, pictures: [] }];
    // A browser gives a few megabytes: where images do not fit, words still do.
    const heavy = drafts.reduce((n, [, d]) => n + d.pictures.reduce((m, p) => m + p.url.length, 0), 0) > ROOM;
    for (const kept of [...(heavy ? [] : [drafts]), drafts.map(bare), drafts.slice(-1).map(bare)]) {
      try {
        this.storage.setItem(STORED, JSON.stringify({ drafts: kept, setup: this.setup } satisfies Kept));
        return;
      } catch {
        // Tried again with less.
      }
    }
  }
}
