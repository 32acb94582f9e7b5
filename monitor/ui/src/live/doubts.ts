// Exchanges that run as far as is known, though something speaks against it: a reconnect did not
// mention them, or only a page did that may be older than their end. Each is asked for, one by one.

import type { Exchange } from "../api/types";

/** What has ended is told after a reconnect by itself: asking waits for that. */
const PATIENCE_MS = 2_000;

export interface DoubtPorts {
  /** The exchange, `gone` where nobody knows it any more, null where nobody answered. */
  ask(id: string): Promise<Exchange | "gone" | null>;
  settle(id: string, found: Exchange | "gone"): void;
  later(act: () => void, ms: number): void;
}

export class Doubts {
  private readonly ids = new Set<string>();
  private asking = false;

  constructor(private readonly ports: DoubtPorts) {}

  add(id: string) {
    this.ids.add(id);
    if (this.asking) return;
    this.asking = true;
    this.ports.later(() => void this.askAll(), PATIENCE_MS);
  }

  /** It was heard of. */
  clear(id: string) {
    this.ids.delete(id);
  }

  forgetAll() {
    this.ids.clear();
  }

  private async askAll() {
    for (const id of this.ids) {
      const found = await this.ports.ask(id);
      // Nobody answers: the next reconnect raises the same doubts.
      if (found === null) break;
      // Heard of meanwhile.
      if (this.ids.delete(id)) this.ports.settle(id, found);
    }
    this.asking = false;
  }
}
