// Pages of the list. The API takes one status and one outcome at a time; a filter that names
// several is several questions, read here as one list, newest first.

import { api, got } from "../api/client";
import type { Exchange } from "../api/types";
import { query, type Filters } from "../filters/filters";

export interface Page {
  items: Exchange[];
  next: string | null;
  total: number | null;
}
export type Query = Record<string, string>;
export type Ask = (query: Query, signal?: AbortSignal) => Promise<Page>;

export const ask: Ask = (q, signal) => {
  // The schema types each value; what is typed into the filter is checked by the monitor.
  const typed = q as NonNullable<Parameters<typeof api.GET<"/api/requests", object>>[1]>["params"];
  return got(api.GET("/api/requests", { params: { query: typed as never }, ...(signal ? { signal } : {}) }));
};

/** What the API must be asked for these filters. */
export function questions(filters: Filters, now: number): Query[] {
  let out = [query(filters, now)];
  for (const name of ["status", "outcome"] as const) {
    out = out.flatMap((q) => (q[name]?.includes(",") ? q[name].split(",").map((value) => ({ ...q, [name]: value })) : [q]));
  }
  return out;
}

interface Pool {
  query: Query;
  buffer: Exchange[];
  cursor: string | null;
  asked: boolean;
}

export class Reader {
  /** of all questions together; null where one is not counted */
  total: number | null = 0;
  private readonly pools: Pool[];

  constructor(queries: Query[], private readonly ask: Ask) {
    this.pools = queries.map((q) => ({ query: q, buffer: [], cursor: null, asked: false }));
  }

  get more(): boolean {
    return this.pools.some((p) => p.buffer.length > 0 || !p.asked || p.cursor !== null);
  }

  /** The next `n` exchanges, or fewer at the end. */
  async next(n: number, signal?: AbortSignal): Promise<Exchange[]> {
    const out: Exchange[] = [];
    for (;;) {
      // The newest of all is known only when every question has an answer at hand.
      const dry = this.pools.filter((p) => p.buffer.length === 0 && (!p.asked || p.cursor !== null));
      if (dry.length && out.length >= n) return out;
      await Promise.all(dry.map((p) => this.fill(p, n, signal)));
      if (out.length >= n) return out;
      const newest = this.pools.filter((p) => p.buffer.length).sort((a, b) => (a.buffer[0]!.id < b.buffer[0]!.id ? 1 : -1))[0];
      if (!newest) {
        if (this.pools.every((p) => p.asked && p.cursor === null)) return out;
        continue;
      }
      if (this.pools.length === 1) out.push(...newest.buffer.splice(0, n - out.length));
      else out.push(newest.buffer.shift()!);
    }
  }

  private async fill(pool: Pool, n: number, signal?: AbortSignal) {
    const page = await this.ask({ ...pool.query, limit: String(n), ...(pool.cursor ? { cursor: pool.cursor } : {}) }, signal);
    if (!pool.asked) this.total = this.total === null || page.total === null ? null : this.total + page.total;
    pool.asked = true;
    pool.buffer.push(...page.items);
    pool.cursor = page.next;
  }
}
