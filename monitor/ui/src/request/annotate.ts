// Pinning and noting: what a person says of an exchange. The store takes the answer; other pages
// hear of it from the feed.

import { api, Failure, got } from "../api/client";
import type { Exchange } from "../api/types";
import { words } from "../i18n";
import { live } from "../live/store";

export interface Said { pinned?: boolean; note?: string | null }

export async function annotate(id: string, said: Said): Promise<Exchange> {
  const exchange = await got(api.PUT("/api/request/{id}", { params: { path: { id } }, body: said }));
  live.take([exchange]);
  return exchange;
}

/** What went wrong, as a sentence. */
export function reason(cause: unknown): string {
  const failure = cause instanceof Failure ? cause : new Failure(0, null, null);
  return failure.status === 0 ? words.value.errors.network : (failure.detail ?? words.value.errors.http(failure.status));
}
