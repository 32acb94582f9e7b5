// Pages of the list, newest first: one question, read page after page.

import { api, got } from "../api/client";
import type { Exchange } from "../api/types";

export interface Page {
  items: Exchange[];
  next: string | null;
  total: number | null;
}
export type Query = Record<string, string>;
export type Ask = (query: Query, signal?: AbortSignal) => Promise<Page>;

export const ask: Ask = (query, signal) =>
  // What is typed into the filter is text, checked by filters.ts and by the monitor, not by types.
  got(api.GET("/api/requests", { params: { query: query as object }, ...(signal ? { signal } : {}) }));

export class Reader {
  total: number | null = null;
  private cursor: string | null = null;
  private asked = false;

  constructor(private readonly query: Query, private readonly ask: Ask) {}

  get more(): boolean {
    return !this.asked || this.cursor !== null;
  }

  /** The next `n` exchanges, or fewer at the end. */
  async next(n: number, signal?: AbortSignal): Promise<Exchange[]> {
    const page = await this.ask({ ...this.query, limit: String(n), ...(this.cursor ? { cursor: this.cursor } : {}) }, signal);
    if (!this.asked) this.total = page.total;
    this.asked = true;
    this.cursor = page.next;
    return page.items;
  }
}
