// The four sides must stand on the client's where the API says "the same", and on nothing else.
import { expect, test } from "vitest";
import type { ExchangeDetail } from "../../api/types";
import { headerChanges } from "./headers";
import { altered, apiOf, pairs } from "./sides";
import { readWarnings } from "./warnings";

const message = (body: string | null, over = {}) => ({ headers: [["content-type", "application/json"]], body, body_encoding: "utf8", body_bytes: body?.length ?? 0, shed: false, truncated: false, trailers: [], content_encoding: null, ...over });
const detail = (tries: object[], over = {}) => ({ request: message("{}"), response: message("[]"), warnings: [], tries, ...over }) as unknown as ExchangeDetail;

test("no side of its own: the client's, in both directions", () => {
  const d = detail([{ n: 1, request: null, response: null }]);
  const [request, response] = pairs(d, d.tries[0]);
  expect([request!.sameBody, request!.upstream.body, response!.upstream.body]).toEqual([true, "{}", "[]"]);
  expect(altered(d)).toBe(false);
});

test("a head of its own with the client's body is not an alteration", () => {
  const d = detail([{ n: 1, request: message(null, { headers: [["x-api-key", "…"]] }), response: null }]);
  const [request] = pairs(d, d.tries[0]);
  expect([request!.sameBody, request!.sameHead, request!.upstream.body, request!.upstream.headers]).toEqual([true, false, "{}", [["x-api-key", "…"]]]);
  expect(altered(d)).toBe(false);
});

test("an attempt that failed did not give the client its answer", () => {
  const d = detail([{ n: 1, request: null, response: null }, { n: 2, request: message("{1}"), response: null }]);
  expect(pairs(d, d.tries[0])[1]!.upstream.why).toBe("none");
  expect(pairs(d, d.tries[1])[1]!.sameBody).toBe(true);
  expect(altered(d)).toBe(true);
});

test("a body that was let go is said to be, never taken for the client's", () => {
  const d = detail([{ n: 1, request: message(null, { shed: true }), response: null }]);
  expect(pairs(d, d.tries[0])[0]!.upstream.why).toBe("shed");
});

test("addresses say which API they belong to", () => {
  expect(["/v1/messages", "https://x.example/api/paas/v4/chat/completions?api-version=1", "/v1/responses", "/v1/embeddings"].map(apiOf)).toEqual(["messages", "chat", "responses", "other"]);
});

test("what went comes before what changed, and the unknown is kept", () => {
  expect(readWarnings(["changed temperature", "body_shed", "dropped seed"])).toEqual([
    { what: "dropped", name: "seed" }, { what: "changed", name: "temperature" }, { what: "other", name: "body_shed" },
  ]);
});

test("headers compare in any case, and repeats together", () => {
  expect(headerChanges([["Host", "a"], ["X", "1"], ["x", "2"], ["Old", "o"]], [["host", "a"], ["x", "1"], ["new", "n"]])).toEqual([
    { kind: "changed", name: "x", before: "1\n2", after: "1" },
    { kind: "removed", name: "old", before: "o", after: null },
    { kind: "added", name: "new", before: null, after: "n" },
  ]);
});
