// Older traces are listed as they are asked for, page after page of the API's; what happens to one is
// seen, and why one cannot be shown is said.
import { beforeEach, expect, test, vi } from "vitest";

const asked: { limit: number; cursor?: string; q?: string }[] = [];
const ALL = Array.from({ length: 450 }, (_, i) => ({ id: 450 - i }));

vi.mock("../api/client", async (original) => ({
  ...(await original<object>()),
  api: {
    GET: async (_path: string, { params }: { params: { query: { limit: number; cursor?: string } } }) => {
      asked.push(params.query);
      const from = Number(params.query.cursor ?? 0);
      // No page is larger than this one's, whatever is asked for.
      const items = ALL.slice(from, from + Math.min(150, params.query.limit));
      const next = from + items.length < ALL.length ? String(from + items.length) : null;
      return { data: { items, next, total: ALL.length }, response: new Response("{}") };
    },
  },
}));
vi.mock("../live/store", () => ({ live: { listen: () => () => {} } }));

beforeEach(() => void asked.splice(0));

test("the newest first, then older ones as they are asked for, until all are there", async () => {
  const { matching, showMore, traces } = await import("./traces");
  await traces.load();
  expect([traces.items.value?.length, matching.value]).toEqual([200, 450]);
  expect(asked.map((q) => [q.limit, q.cursor])).toEqual([[200, undefined], [50, "150"]]);
  await showMore();
  expect(traces.items.value?.length).toBe(400);
  await showMore();
  expect(traces.items.value?.map((t) => t.id)).toEqual(ALL.map((t) => t.id));
});

test("hits that come with the end are seen, as is each of them alone", async () => {
  const { stampOf } = await import("./traces");
  const of = (status: "running" | "done", hit_count: number) => stampOf([{ id: 1, status, hit_count }, { id: 2, status: "done", hit_count: 1 }]);
  expect(new Set([of("running", 0), of("done", 0), of("running", 3), of("done", 3)]).size).toBe(4);
});
