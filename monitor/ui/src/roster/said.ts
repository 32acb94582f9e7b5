// A failure in the words a page shows; anything else is a bug and goes on.

import { Failure } from "../api/client";
import { words } from "../i18n";

export function said(cause: unknown): string {
  if (!(cause instanceof Failure)) throw cause;
  if (cause.status === 0) return words.value.errors.network;
  const detail = cause.detail ?? words.value.errors.http(cause.status);
  // Most name their only field in the sentence already.
  return [detail, ...cause.fields.filter((f) => !detail.includes(f.message)).map((f) => `${f.field}: ${f.message}`)].join("\n");
}
