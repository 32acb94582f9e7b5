// A failure in the words a page shows; anything else is a bug and goes on.

import { Failure } from "../api/client";
import { words } from "../i18n";

export function said(cause: unknown): string {
  if (!(cause instanceof Failure)) throw cause;
  if (cause.status === 0) return words.value.errors.network;
  return [cause.detail ?? words.value.errors.http(cause.status), ...cause.fields.map((f) => `${f.field}: ${f.message}`)].join("\n");
}
