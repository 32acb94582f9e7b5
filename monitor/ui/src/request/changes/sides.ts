// The four sides of an exchange: what the client sent, what went upstream, what came back, what the
// client got. The API leaves out what is the same; here every side has its body or says why not.

import type { ExchangeDetail, Try } from "../../api/types";

export type Api = "chat" | "messages" | "responses" | "other";
export type Which = "request" | "response";

export interface Face {
  headers: string[][];
  /** null where there is none to show. */
  body: string | null;
  bytes: number | null;
  why: "shed" | "expired" | "binary" | "none" | null;
  truncated: boolean;
  sse: boolean;
}

export interface Pair {
  which: Which;
  client: Face;
  upstream: Face;
  /** Whether the bodies are one and the same. */
  sameBody: boolean;
  sameHead: boolean;
}

type Held = { headers: string[][]; body?: string | null; body_bytes?: number | null; body_encoding?: string; shed?: boolean; expired?: boolean; truncated?: boolean };

const NOTHING: Face = { headers: [], body: null, bytes: null, why: "none", truncated: false, sse: false };

function face(held: Held | null | undefined): Face {
  if (!held) return NOTHING;
  const type = held.headers.find(([name]) => name?.toLowerCase() === "content-type")?.[1] ?? "";
  const binary = held.body_encoding === "base64" && !!held.body;
  const body = held.shed || held.expired || binary ? null : (held.body ?? null) || null;
  return { headers: held.headers, body, bytes: held.body_bytes ?? null, why: held.shed ? "shed" : held.expired ? "expired" : binary ? "binary" : body === null ? "none" : null, truncated: held.truncated ?? false, sse: /event-stream/.test(type) };
}

/** A side of an attempt stands on the client's where it is the same. */
function upstream(own: Held | null | undefined, client: Held | null | undefined): { face: Face; sameBody: boolean; sameHead: boolean } {
  if (!own) return { face: face(client), sameBody: true, sameHead: true };
  if (own.shed || own.body != null) return { face: face(own), sameBody: false, sameHead: false };
  const lent = face(client);
  return { face: { ...lent, headers: own.headers, bytes: own.body_bytes ?? lent.bytes }, sameBody: true, sameHead: false };
}

export function pairs(detail: ExchangeDetail, t: Try | undefined): Pair[] {
  return (["request", "response"] as const).map((which) => {
    const last = t === detail.tries.at(-1);
    // What an attempt before the last was answered never reached the client, unless it is told here.
    const own = t?.[which] ?? null;
    if (which === "response" && !last && own === null) return { which, client: face(detail.response), upstream: NOTHING, sameBody: false, sameHead: false };
    const up = upstream(own, detail[which]);
    return { which, client: face(detail[which]), upstream: up.face, sameBody: up.sameBody, sameHead: up.sameHead };
  });
}

/** Which API a path or an address belongs to. */
export function apiOf(address: string | null | undefined): Api {
  const path = (address ?? "").split(/[?#]/)[0]!;
  if (/\/messages$/.test(path)) return "messages";
  if (/\/chat\/completions$/.test(path)) return "chat";
  if (/\/responses$/.test(path)) return "responses";
  return "other";
}

/** The attempt whose answer the client got. */
export const answering = (detail: ExchangeDetail): Try | undefined => detail.tries.at(-1);

/** Whether anything but heads and credentials changed on the way. */
export const altered = (detail: ExchangeDetail) =>
  detail.warnings.some((name) => !/^(body_shed|metadata_only|bodies_withheld|redacted \d+)$/.test(name)) || detail.tries.some((t) => t.request?.body != null || t.response?.body != null || t.request?.shed || t.response?.shed);
