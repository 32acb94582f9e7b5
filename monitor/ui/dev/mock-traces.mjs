// The stand-in's traces: one that was relayed twice, one that nobody fetched, one that failed.

const iso = (agoMs) => new Date(Date.now() - agoMs).toISOString();

const hit = (id, offset_ms, ip, name, country, more = {}) => ({
  id, image: 1, at: iso(600_000 - offset_ms), offset_ms, ip, peer: ip, port: 51_212, method: "GET", http_version: "HTTP/1.1", forwarded: [], range: null, read: true, late: false,
  headers: [["user-agent", "OpenAI Image Downloader"], ["accept", "image/*"]], user_agent: "OpenAI Image Downloader", fetcher: null, network: { number: 8075, name, country }, ...more,
});
const trace = (id, over) => ({
  id, trace_id: `tr_${String(id).padStart(4, "0")}`, series: id, status: "done", model: "gpt-4o", kind: "openai", provider: "hk-relay", provider_id: 2, group: "vip", group_id: 7, base_url: "https://relay.example/v1",
  prompt: "Which code is written in this picture?", images: 1, image_url: "https://glassway.example/i/tr.png", created_at: iso(600_000), started_at: iso(600_000), ended_at: iso(596_000), duration_ms: 3_810, error: null,
  answer: "The code is 7Q4M.", saw_image: true, typed_in: false, request_id: null, hits: [], hit_count: 0, hits_beyond: 0, verdict: [], ...over,
});
const fetched = [hit(1, 820, "20.55.12.9", "Microsoft Azure", "US", { fetcher: { by: "network", name: "Azure OpenAI", owner: "Microsoft", role: "vendor", source: "network" } }), hit(2, 1_240, "43.154.80.2", "Tencent Cloud", "HK", { user_agent: "Go-http-client/1.1" })];
const traces = [
  trace(3, { hits: fetched, hit_count: 2, verdict: [{ kind: "latency", finding: "measured", weight: "nothing", values: { answer_ms: 3_810, first_fetch_ms: 820 } }] }),
  trace(2, { provider: "openai", group: null, group_id: null, provider_id: 1, saw_image: false, answer: "I cannot see an image.", created_at: iso(7_200_000) }),
  trace(1, { status: "failed", saw_image: null, answer: null, error: "no answer within 120 seconds", duration_ms: null, created_at: iso(86_400_000) }),
];

const REACH = { base: "https://glassway.example", configured: true, addresses: [{ ip: "203.0.113.9", scope: "public" }], seen_from: "203.0.113.9", trace_listen: "", error: null, notes: ["works"] };

/** The answer to a GET below /api/traces; undefined for what it does not know. */
export function tracing(path, empty) {
  const all = empty ? [] : traces;
  if (path === "/api/traces") return { items: all, next: null, total: all.length };
  if (path === "/api/traces/reach") return REACH;
  if (path === "/api/traces/compare") return { shared: ["43.154.80.2"], differing: ["20.55.12.9"], targets: [] };
  const one = /^\/api\/traces\/(\d+)$/.exec(path);
  return one ? all.find((t) => t.id === Number(one[1])) : undefined;
}
