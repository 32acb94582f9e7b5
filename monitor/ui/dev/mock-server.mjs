// A stand-in for the monitor, for looking at the UI: the API and feed with believable traffic in
// both languages, streams that grow, stall and fail, a long history, a huge body and hostile text.
// Serves dist/ under the strict policy the monitor uses.
//
//   node dev/mock-server.mjs [port] [--empty] [--still] [--rows N]
//
// The admin key is "demo". Nothing here ships.

import { createHash, randomBytes } from "node:crypto";
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { bodies, priceOf, ROWS } from "./mock-data.mjs";
import { instance } from "./mock-instance.mjs";
import { managed } from "./mock-managed.mjs";
import { stats } from "./mock-stats.mjs";
import { tracing } from "./mock-traces.mjs";

const args = process.argv.slice(2);
const PORT = Number(args.find((a) => /^\d+$/.test(a)) ?? 8081);
const EMPTY = args.includes("--empty");
const STILL = args.includes("--still");
const COUNT = args.includes("--rows") ? Number(args[args.indexOf("--rows") + 1]) : 20_000;
const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

// ── history ────────────────────────────────────────────────────────────────

let seed = 7;
const random = () => ((seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff);
const pick = (list) => list[Math.floor(random() * list.length)];
const hex = (n) => randomBytes(n).toString("hex");
function uuid7(ms) {
  const t = Math.floor(ms).toString(16).padStart(12, "0");
  const r = hex(10);
  return `${t.slice(0, 8)}-${t.slice(8)}-7${r.slice(0, 3)}-a${r.slice(3, 6)}-${r.slice(6, 18)}`;
}

/** id → exchange, and newest first */
const store = new Map();
let order = [];
const details = new Map();
let cursor = 9000;

function base(at, over) {
  return {
    id: uuid7(at), started_at: new Date(at).toISOString(), method: "POST", path: "/v1/chat/completions", origin: "client", mode: "transparent",
    client_ip: "127.0.0.1", client_token: null, provider: "openai", key: null, model: "gpt-4o", upstream_model: null, status: 200, outcome: "ok",
    error: null, stream: true, duration_ms: 812.4, ttfb_ms: 203.1, first_token_ms: 240.8, request_bytes: 1024, response_bytes: 20480,
    usage: { prompt_tokens: 10, completion_tokens: 20, cached_tokens: 0, reasoning_tokens: 0, source: "upstream" }, cost_usd: 0.00012, attempts: 1, warnings: [], pinned: false, note: null,
    ...over,
  };
}

if (!EMPTY) {
  let at = Date.now() - 4000;
  for (let i = 0; i < COUNT; i++) {
    at -= 1500 + random() * 9000;
    const r = ROWS[i < ROWS.length ? i : Math.floor(random() * ROWS.length)];
    const jitter = i < ROWS.length ? 1 : 0.6 + random() * 0.9;
    const scale = (n) => (n == null ? n : Math.round(n * jitter * 10) / 10);
    const x = base(at, { ...r.x, duration_ms: scale(r.x.duration_ms), ttfb_ms: scale(r.x.ttfb_ms ?? (r.x.stream === false ? r.x.duration_ms * 0.9 : (r.x.first_token_ms ?? 220) - 18)), first_token_ms: scale(r.x.first_token_ms) });
    store.set(x.id, x);
    order.push(x.id);
    details.set(x.id, r.body);
  }
}

// ── live traffic ───────────────────────────────────────────────────────────

const sockets = new Set();
let seq = 1;
const say = (event) => {
  for (const s of sockets) if (s.readyState === 1) s.send(JSON.stringify({ ...event, seq: seq++ }));
};
const lost = { bodies_shed: args.includes("--losses") ? 12 : 0, records_lost: args.includes("--losses") ? 3 : 0 };

const ANSWERS = [
  ["claude-sonnet-4-5", "/v1/messages", "原因找到了：`data-theme` 由 `main.ts` 在模块加载后才写入。最小改动是在样式表之前同步写一次：\n\n```html\n<meta charset=\"utf-8\">\n<script src=\"./before-paint.js\"></script>\n<link rel=\"stylesheet\" href=\"/app.css\">\n```\n\n根源是主题类名写在首帧之后，Safari 因此先画了一次白底。改完以后可以这样验证：\n\n1. 打开开发者工具，把网络限速到 **Slow 3G**；\n2. 硬刷新登录页，确认首帧就是深色；\n3. 再切回浅色重复一遍。\n\n如果仍然看到闪烁，多半是缓存里的旧样式表，清掉 Service Worker 再试。"],
  ["gpt-4.1", "/v1/chat/completions", "**Timeline.** At 01:58 the nightly export started on the primary instead of the replica, because the replica was still catching up after the index build. It took a shared lock on the ledger table.\n\n| time | what happened |\n|---|---|\n| 01:58 | export starts |\n| 02:00 | ledger lock held for four minutes |\n| 02:04 | settlement job retried twice |\n\nMeanwhile the settlement job retried twice at 02:04 and the second run found the ledger row already locked, so it gave up and wrote the batch to the dead-letter queue. Rows are sorted by `settled_at`, newest first, then by `id`."],
  ["deepseek-chat", "/v1/chat/completions", "第一种做法是给每个提示词单独建缓存；第二种做法是按会话缓存前缀；第三种做法是把缓存键改成「模型 + 提示词哈希」，这样同一个提示词在不同模型之间不会互相覆盖，而且失效也更简单。综合来看推荐第三种。"],
];

function sse(model, path, text) {
  const words = text.match(/[\u4e00-\u9fff]{1,2}|[^\u4e00-\u9fff\s]+\s*|\s+/g);
  if (path === "/v1/messages") {
    return [
      ["message_start", { type: "message_start", message: { id: "msg_01", type: "message", role: "assistant", model, content: [], usage: { input_tokens: 1842, cache_read_input_tokens: 36_560, output_tokens: 1 } } }],
      ["content_block_start", { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "" } }],
      ...["白屏只在", "硬刷新时出现，", "先看首帧之前", "谁写主题……"].map((t) => ["content_block_delta", { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: t } }]),
      ["content_block_stop", { type: "content_block_stop", index: 0 }],
      ["content_block_start", { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } }],
      ...words.map((t) => ["content_block_delta", { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: t } }]),
      ["content_block_stop", { type: "content_block_stop", index: 1 }],
      ["message_delta", { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: words.length } }],
      ["message_stop", { type: "message_stop" }],
    ];
  }
  const chunk = (delta, more = {}) => [null, { id: "chatcmpl-CkT2vQ81hZ", object: "chat.completion.chunk", created: 1763648933, model, choices: [{ index: 0, delta, finish_reason: null, ...more }] }];
  return [chunk({ role: "assistant", content: "" }), ...words.map((t) => chunk({ content: t })), chunk({}, { finish_reason: "stop" }), [null, "[DONE]"]];
}

const frameText = ([event, data]) => `${event ? `event: ${event}\n` : ""}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
const running = new Map();

function begin({ stallAt = null, fail = null, answer = pick(ANSWERS), pace = 45, startedAgo = 0, wait = 700 } = {}) {
  const [model, path, text] = answer;
  const at = Date.now() - startedAgo;
  const anthropic = path === "/v1/messages";
  const x = base(at, { model, path, provider: anthropic ? "hk-relay" : "openai", key: anthropic ? "vip-2" : "main", mode: "managed", client_token: anthropic ? "agent-web" : "report-bot", status: null, outcome: "in_flight", duration_ms: null, ttfb_ms: null, first_token_ms: null, usage: null, cost_usd: null, response_bytes: 0, attempts: anthropic ? 2 : 1 });
  const frames = sse(model, path, text);
  const run = { x, frames, sent: [], text: "", tokens: 0, stallAt, fail, body: anthropic ? "anthropicTools" : "chatPlain" };
  running.set(x.id, run);
  store.set(x.id, x);
  order.unshift(x.id);
  details.set(x.id, run.body);
  say({ type: "request.started", request: x });
  setTimeout(() => step(run, pace), wait);
  return run;
}

function step(run, pace) {
  const { x } = run;
  const now = Date.now() - Date.parse(x.started_at);
  if (run.fail && run.sent.length >= run.fail.after) return finish(run, run.fail.outcome, run.fail.error);
  const frame = run.frames[run.sent.length];
  if (!frame) return finish(run, "ok");
  if (run.stallAt !== null && run.sent.length === run.stallAt) {
    run.stallAt = null;
    return setTimeout(() => step(run, pace), 9000);
  }
  if (run.sent.length === 0) Object.assign(x, { status: 200, ttfb_ms: now, stream: true });
  const text = frameText(frame);
  const from = Buffer.byteLength(run.text);
  run.text += text;
  run.sent.push({ offset_ms: now, data: typeof frame[1] === "string" ? frame[1] : JSON.stringify(frame[1]), event: frame[0], bytes: Buffer.byteLength(text) });
  const piece = frame[1]?.choices?.[0]?.delta?.content ?? frame[1]?.delta?.text ?? "";
  if (piece) {
    if (x.first_token_ms == null) x.first_token_ms = now;
    run.tokens++;
    run.said = (run.said ?? "") + piece;
    x.live = { text_tail: run.said.slice(-160), tokens: run.tokens, tokens_per_s: Math.round((run.tokens / Math.max(0.3, (now - x.first_token_ms) / 1000)) * 10) / 10, last_token_ms: now };
  }
  x.response_bytes = Buffer.byteLength(run.text);
  for (const s of sockets) if (s.watched.has(x.id)) s.send(JSON.stringify({ type: "body.delta", seq: seq++, id: x.id, side: "response", offset_ms: now, from, data: text }));
  if (!run.told || Date.now() - run.told > 250) {
    run.told = Date.now();
    say({ type: "request.updated", request: x });
  }
  setTimeout(() => step(run, pace), pace * (0.4 + random() * 1.2));
}

function finish(run, outcome, error = null) {
  const { x } = run;
  running.delete(x.id);
  const done = { ...x, outcome, error, duration_ms: Date.now() - Date.parse(x.started_at), usage: { prompt_tokens: 38_402, completion_tokens: run.tokens, cached_tokens: 36_560, reasoning_tokens: x.path === "/v1/messages" ? 214 : 0, source: "upstream" }, cost_usd: 0.0219, status: outcome === "upstream_error" ? 502 : x.status };
  delete done.live;
  store.set(x.id, done);
  details.set(x.id, { kind: run.body, events: run.sent });
  say({ type: "request.finished", cursor: ++cursor, request: done });
}

function quick() {
  const r = pick(ROWS);
  const at = Date.now();
  const done = base(at, { ...r.x });
  const started = { ...done, status: null, outcome: "in_flight", duration_ms: null, first_token_ms: null, usage: null, cost_usd: null, response_bytes: 0, error: null };
  order.unshift(done.id);
  store.set(done.id, started);
  details.set(done.id, r.body);
  say({ type: "request.started", request: started });
  setTimeout(() => {
    store.set(done.id, done);
    say({ type: "request.finished", cursor: ++cursor, request: done });
  }, Math.min(done.duration_ms, 2500));
}

if (!EMPTY) {
  begin({ answer: ANSWERS[0], pace: STILL ? 4000 : 60, startedAgo: 6000, wait: 10 });
  begin({ answer: ANSWERS[1], pace: 70, startedAgo: 9000, wait: 10 });
  begin({ answer: ANSWERS[2], pace: 30, startedAgo: 20_000, stallAt: 20, wait: 10 });
}
if (!EMPTY && !STILL) {
  setInterval(quick, 2300);
  setInterval(() => begin(random() < 0.25 ? { stallAt: 25 } : random() < 0.15 ? { fail: { after: 30, outcome: "upstream_closed", error: { code: "upstream_closed", message: "the upstream closed the connection in the middle of the body" } } } : {}), 6500);
}
if (args.includes("--still-streaming")) {
  const again = () => begin({ answer: ANSWERS[0], pace: 400 });
  again();
  setInterval(again, 15_000);
}
const storm = args.includes("--storm") ? Number(args[args.indexOf("--storm") + 1]) : 0;
if (storm) {
  setInterval(() => {
    const events = [];
    for (let i = 0; i < storm / 40; i++) {
      const r = ROWS[i % ROWS.length];
      const done = base(Date.now(), { ...r.x });
      order.unshift(done.id);
      store.set(done.id, done);
      details.set(done.id, r.body);
      events.push({ type: "request.started", seq: seq++, request: { ...done, status: null, outcome: "in_flight", duration_ms: null, usage: null } }, { type: "request.finished", seq: seq++, cursor: ++cursor, request: done });
    }
    for (const s of sockets) if (s.readyState === 1) s.send(JSON.stringify(events));
  }, 50);
}
setInterval(() => say({ type: "stats", in_flight: running.size, queue_bytes: 0, lost }), 2000);

const pool = managed((event) => say(event), { empty: EMPTY, many: args.includes("--many-keys"), broken: args.includes("--broken") });

const statistics = stats(() => order.map((id) => store.get(id)));

// ── the API ────────────────────────────────────────────────────────────────

const sessions = new Set();
let failures = 0;
const json = (res, status, value, headers = {}) => res.writeHead(status, { "content-type": status >= 400 ? "application/problem+json" : "application/json", ...headers }).end(JSON.stringify(value));
const problem = (res, status, detail, headers) => json(res, status, { type: "about:blank", title: detail, status, detail }, headers);
const session = (req) => /glassway_session=(\w+)/.exec(req.headers.cookie ?? "")?.[1];

const textOf = (x) => {
  const kind = details.get(x.id);
  if (kind === "huge") return `${x.model} ${x.path}`;
  const d = bodies(typeof kind === "object" ? kind.kind : kind, x);
  return `${x.model} ${x.path} ${d.request?.body ?? ""} ${d.response?.body ?? ""}`;
};

function list(q) {
  const limit = Math.min(1000, Number(q.get("limit") ?? 20));
  const wants = Object.fromEntries(q);
  const within = (x) => {
    if (wants.status && !wants.status.split(",").some((s) => (s.endsWith("xx") ? String(x.status)[0] === s[0] && x.status : String(x.status) === s))) return false;
    if (wants.outcome && !wants.outcome.split(",").includes(x.outcome)) return false;
    for (const f of ["model", "provider", "key", "client_token", "origin", "mode", "method"]) if (wants[f] && x[f] !== wants[f]) return false;
    if (wants.path && !(wants.path.endsWith("*") ? x.path.startsWith(wants.path.slice(0, -1)) : x.path === wants.path)) return false;
    if (wants.stream && String(x.stream) !== wants.stream) return false;
    if (wants.since && x.started_at < wants.since) return false;
    if (wants.until && x.started_at > wants.until) return false;
    if (wants.min_duration_ms && !((x.duration_ms ?? -1) >= Number(wants.min_duration_ms))) return false;
    if (wants.q && !textOf(x).toLowerCase().includes(wants.q.toLowerCase())) return false;
    return true;
  };
  const start = wants.cursor ? Number(wants.cursor.slice(1)) : Infinity;
  const filtered = ["status", "outcome", "model", "provider", "key", "client_token", "origin", "mode", "method", "path", "stream", "since", "until", "min_duration_ms", "q"].some((f) => wants[f]);
  const found = filtered ? order.filter((id) => within(store.get(id))) : order;
  // Counted from the oldest, so that new rows do not shift pages.
  const from = Number.isFinite(start) ? found.length - start : 0;
  const ids = found.slice(from, from + limit);
  const rest = found.length - from - ids.length;
  return { items: ids.map((id) => store.get(id)), next: rest > 0 ? `c${rest}` : null, total: found.length };
}

const server = createServer(async (req, res) => {
  const url = new URL(req.url, "http://x");
  const path = url.pathname;
  res.setHeader("cache-control", "no-store");
  if (path === "/token" && req.method === "POST") {
    let body = "";
    for await (const chunk of req) body += chunk;
    let key;
    try { key = JSON.parse(body).api_key; } catch { key = null; }
    if (key !== "demo") {
      if (++failures > 5) return problem(res, 429, "too many attempts", { "retry-after": "23" });
      return problem(res, 401, "wrong key");
    }
    failures = 0;
    const token = hex(16);
    sessions.add(token);
    return json(res, 200, { access_token: token, token_type: "bearer", expires_in: 2_592_000 }, { "set-cookie": `glassway_session=${token}; HttpOnly; SameSite=Strict; Path=/` });
  }
  if (path.startsWith("/api/")) {
    if (!sessions.has(session(req))) return problem(res, 401, "not signed in");
    if (path === "/api/session" && req.method === "DELETE") {
      sessions.delete(session(req));
      return res.writeHead(204).end();
    }
    if (path === "/api/session") return json(res, 200, { signed_in: true, expires_at: new Date(Date.now() + 30 * 86_400_000).toISOString() });
    if (args.includes("--slow")) await new Promise((resolve) => setTimeout(resolve, path.startsWith("/api/settings") ? 0 : 4000));
    if (await pool.handle(req, res, url)) return;
    if (instance(req, path, (status, body) => json(res, status, body))) return;
    if (path === "/api/requests") {
      if (args.includes("--broken")) return problem(res, 503, "the database is locked by another process");
      return setTimeout(() => json(res, 200, list(url.searchParams)), args.includes("--slow") ? 4000 : 15);
    }
    if (path === "/api/stats") return json(res, 200, { success_rate: 0.984, duration_ms: { avg: 4210, p50: 2210, p95: 18_400 }, ttfb_ms: { avg: 400, p50: 310, p95: 1400 }, calls: { "1m": 14, "1h": 1283, "24h": 18_204, all: order.length + 120_000 }, tokens: {}, cost_usd: {}, keys: pool.counts(), lost, in_flight: running.size });
    if (path === "/api/settings") return json(res, 200, { ...pool.settings, instance: { version: "0.1.0", proxy_listen: "127.0.0.1:8080", proxy_tls: false, monitor_listen: `127.0.0.1:${PORT}`, database_path: "data/glassway.db", client_access: "open", upstream_base_url: "https://api.openai.com", anthropic_base_url: "https://api.anthropic.com", record: { enabled: true, durability: "normal", max_body_bytes: 8_388_608, max_exchanges: 1_000_000, max_age_s: 2_592_000, redact_headers: ["authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "set-cookie", "proxy-authorization"], redact_json: ["$.metadata.user_id", "..email"], redact_patterns: ["\\b\\d{3}-\\d{2}-\\d{4}\\b"] } } });
    const summed = req.method === "GET" ? (statistics(path, url.searchParams) ?? tracing(path, EMPTY)) : undefined;
    if (summed) return json(res, 200, summed);
    if (path === "/api/conversations") {
      const { items, next } = list(url.searchParams);
      return json(res, 200, { items: items.map((x) => ({ first: x.id, newest: x, started_at: x.started_at, turns: 1, failed: Number(x.outcome !== "ok" && x.outcome !== "in_flight"), prompt_tokens: x.usage?.prompt_tokens ?? 0, completion_tokens: x.usage?.completion_tokens ?? 0, cost_usd: x.cost_usd })), next });
    }
    const again = /^\/api\/request\/([^/]+)\/replay$/.exec(path);
    if (again && req.method === "POST") {
      let body = "";
      for await (const chunk of req) body += chunk;
      const targets = JSON.parse(body || "{}").targets ?? [{}];
      return json(res, 202, { ids: targets.map(() => Object.assign(begin({ answer: pick(ANSWERS), pace: 30 }).x, { origin: "replay" }).id) });
    }
    const one = /^\/api\/request\/([^/]+)(\/(request|response)-body)?$/.exec(path);
    if (one) {
      const x = store.get(one[1]);
      if (!x) return problem(res, 404, "no such request");
      const kept = details.get(x.id);
      const made = bodies(typeof kept === "object" ? kept.kind : kept, x);
      const run = running.get(x.id);
      const events = run ? run.sent : (typeof kept === "object" ? kept.events : made.events) ?? [];
      if (typeof kept === "object" || run) made.response = run && !run.sent.length ? null : { ...made.response, headers: [["content-type", "text/event-stream; charset=utf-8"], ["x-request-id", "req_011CQ"]], body: events.map((e) => frameText([e.event, e.data])).join(""), body_encoding: "utf8", decoded: false, body_bytes: events.reduce((n, e) => n + e.bytes, 0) };
      if (one[2]) {
        const side = made[one[3]];
        return res.writeHead(200, { "content-type": "application/octet-stream", "content-disposition": `attachment; filename="${one[3]}"` }).end(Buffer.from(side?.body ?? "", side?.body_encoding === "base64" ? "base64" : "utf8"));
      }
      const all = url.searchParams.get("events") === "all";
      return setTimeout(() => json(res, 200, { ...x, http_version: "HTTP/1.1", target: x.path, upstream_url: `https://api.openai.com${x.path}`, timings: { connect_ms: 42, request_sent_ms: 44, ttfb_ms: x.ttfb_ms, first_token_ms: x.first_token_ms, duration_ms: x.duration_ms }, price: priceOf(x), ...made, events: all ? events : events.slice(0, 2000), events_total: events.length, messages: made.messages ?? [], messages_total: (made.messages ?? []).length, curl: `curl http://127.0.0.1:8080${x.path} \\\n  -H "Authorization: Bearer $OPENAI_API_KEY" \\\n  -d '…'` }), 20);
    }
    return problem(res, 404, "unknown path");
  }
  let file = normalize(join(DIST, path === "/" ? "index.html" : path));
  if (!file.startsWith(DIST) || !existsSync(file) || !statSync(file).isFile()) return res.writeHead(404).end("not found");
  const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
  res.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream", "content-security-policy": CSP, "x-content-type-options": "nosniff", etag: createHash("sha1").update(file).digest("hex") });
  createReadStream(file).pipe(res);
});

const wss = new WebSocketServer({ noServer: true });
server.on("upgrade", (req, socket, head) => {
  if (!req.url.startsWith("/api/feed") || !sessions.has(session(req))) return socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
  wss.handleUpgrade(req, socket, head, (ws) => {
    ws.watched = new Set();
    sockets.add(ws);
    ws.on("close", () => sockets.delete(ws));
    ws.on("message", (data) => {
      const m = JSON.parse(data);
      if (m.watch) {
        ws.watched.add(m.watch);
        const run = running.get(m.watch);
        if (run?.text) ws.send(JSON.stringify({ type: "body.delta", seq: seq++, id: m.watch, side: "response", offset_ms: run.x.ttfb_ms, from: 0, data: run.text }));
      }
      if (m.unwatch) ws.watched.delete(m.unwatch);
    });
    ws.send(JSON.stringify({ type: "hello", cursor, in_flight: [...running.values()].map((r) => r.x), proxy: { connected: !args.includes("--proxy-away") } }));
  });
});
server.listen(PORT, "127.0.0.1", () => console.log(`http://127.0.0.1:${PORT}/#key=demo`));
