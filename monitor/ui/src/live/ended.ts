// What has ended lately, after the store let go of it: a page of the list that was read before the
// end may arrive after it, and must not set the exchange running again.

import type { Exchange } from "../api/types";

/** Far more than end while one answer is on its way. */
const MOST = 2_000;

export class Ended {
  private readonly byId = new Map<string, Exchange>();

  constructor(private readonly most = MOST) {}

  get = (id: string) => this.byId.get(id);

  add(x: Exchange) {
    this.byId.delete(x.id);
    this.byId.set(x.id, x);
    if (this.byId.size > this.most) this.byId.delete(this.byId.keys().next().value!);
  }

  clear() {
    this.byId.clear();
  }
}
