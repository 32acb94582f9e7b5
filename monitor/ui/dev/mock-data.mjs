// Believable exchanges for the stand-in monitor: one body of each kind the UI must show, and the
// list rows that point at them.

const T = Date.parse("2026-11-20T06:00:00Z") / 1000;
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAEAAAAAwCAIAAAAuKetIAAAAcklEQVR42u3PQQ0AIAwEsEcQgX9ZWEEEwRMuGZjs0e6qmdt3v7uRAQMGDBgwYMCAAQMGDBgwYMCAAQMGDBgwYMCAAQMGDBgwYMCAAQMGDBgwYMCAAQMGDBgwYMCAAQMGDBgwYMCAAQMGDBgwYMCAAQMG3gMLLgBhuSCP0wAAAABJRU5ErkJggg==";

const head = (over = []) => [["Host", "api.openai.com"], ["Authorization", "Bearer sk-…wxyz"], ["Content-Type", "application/json"], ["User-Agent", "OpenAI/Python 2.8.1"], ["Accept-Encoding", "gzip, deflate"], ...over];
const back = (type = "application/json") => [["Content-Type", type], ["x-request-id", "req_7f3a91c2"], ["openai-processing-ms", "611"], ["x-ratelimit-remaining-requests", "9998"], ["Set-Cookie", "[redacted]"]];

const side = (headers, body, over = {}) => ({ headers, trailers: [], body: typeof body === "string" ? body : JSON.stringify(body), body_encoding: "utf8", content_encoding: null, decoded: false, truncated: false, shed: false, body_bytes: Buffer.byteLength(typeof body === "string" ? body : JSON.stringify(body)), ...over });

const tryOf = (x, over = {}) => ({ n: 1, provider: x.provider, key: x.key, reason: x.mode === "managed" ? "strategy" : "transparent", url: `https://api.openai.com${x.path}`, status: x.status, error: null, start_ms: 0.3, connect_ms: 42.1, reused: false, ttfb_ms: x.ttfb_ms, duration_ms: x.duration_ms, request: x.mode === "managed" ? asSent(x) : null, response: null, ...over });
const asSent = (x, body = null) => ({ ...side([["host", "api.openai.com"], ["content-type", "application/json"], ["authorization", "Bearer sk-…k9Zt"]], body ?? {}), ...(body ? {} : { body: null, body_bytes: 812 }) });

function sseOf(model, words, { every = 38, first = 320, stallAfter = null } = {}) {
  let at = first;
  const events = [];
  const add = (data, event = null) => events.push({ offset_ms: at, data: typeof data === "string" ? data : JSON.stringify(data), event, bytes: JSON.stringify(data).length + 8 });
  const chunk = (delta, finish = null) => ({ id: "chatcmpl-CkT2vQ81hZ", object: "chat.completion.chunk", created: T, model, choices: [{ index: 0, delta, finish_reason: finish }] });
  add(chunk({ role: "assistant", content: "" }));
  words.forEach((word, i) => {
    at += every * (0.3 + ((i * 7919) % 13) / 9) + (i === stallAfter ? 5400 : 0);
    add(chunk({ content: word }));
  });
  at += 12;
  add(chunk({}, "stop"));
  add({ id: "chatcmpl-CkT2vQ81hZ", object: "chat.completion.chunk", created: T, model, choices: [], usage: { prompt_tokens: 2310, completion_tokens: words.length, total_tokens: 2310 + words.length } });
  add("[DONE]");
  return events;
}
const stream = (events, type = "text/event-stream; charset=utf-8") => side(back(type), events.map((e) => `${e.event ? `event: ${e.event}\n` : ""}data: ${e.data}\n\n`).join(""));

const SYSTEM = `You are Harbor, the coding agent of the web team.\n\n## Rules\n- Read before you write. Never touch the build configuration.\n- Answer in the language of the question.\n- 改动要最小，先说原因再给补丁。\n\n` + Array.from({ length: 60 }, (_, i) => `- Rule ${i + 4}: when you meet case ${i + 4}, prefer the smaller change, say why, and stop.`).join("\n");
const TOOLS = ["grep", "read_file", "write_file", "run_tests"].map((name) => ({ name, description: `The ${name} tool`, input_schema: { type: "object", properties: { path: { type: "string" }, query: { type: "string" } } } }));
const FILE = Array.from({ length: 64 }, (_, i) => `${String(i + 1).padStart(3)}  ${["<!doctype html>", '<html lang="zh-CN">', "<head>", '  <meta charset="utf-8">', "  <title>登录</title>", '  <script type="module" src="/src/main.ts"></script>', "</head>", "<body><div id=app></div></body>"][i % 8]}`).join("\n");

const earlier = Array.from({ length: 9 }, (_, i) => [
  { role: "user", content: `第 ${i + 1} 步：看看 src/module-${i + 1}.ts 有没有写主题的地方。` },
  { role: "assistant", content: [{ type: "text", text: `src/module-${i + 1}.ts 里没有写 data-theme，只读了一次。` }] },
]).flat();

const anthropicRequest = {
  model: "claude-sonnet-4-5", max_tokens: 8192, stream: true, thinking: { type: "enabled", budget_tokens: 4096 },
  system: [{ type: "text", text: SYSTEM, cache_control: { type: "ephemeral" } }], tools: TOOLS,
  messages: [
    ...earlier,
    { role: "user", content: [{ type: "text", text: "登录页在 Safari 里会闪一下白屏，先定位原因，再给最小改动，不要动构建配置。" }, { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } }] },
    { role: "assistant", content: [
      { type: "thinking", thinking: "用户给了截图，白屏只有一帧。先找谁写 data-theme。", signature: "EqQB" },
      { type: "text", text: "先找写主题的地方，再看首帧之前的脚本。" },
      { type: "tool_use", id: "toolu_1", name: "grep", input: { query: "data-theme", path: "src/", flags: "-n" } },
      { type: "tool_use", id: "toolu_2", name: "read_file", input: { path: "index.html" } },
    ] },
    { role: "user", content: [
      { type: "tool_result", tool_use_id: "toolu_1", content: "src/main.ts:14:  root.dataset.theme = stored ?? 'light'\nsrc/theme.ts:3:  // data-theme is read by CSS\nsrc/theme.ts:9:  export const THEMES = ['light', 'dark']" },
      { type: "tool_result", tool_use_id: "toolu_2", content: [{ type: "text", text: FILE }] },
    ] },
  ],
};

const chatTools = {
  model: "gpt-4o", temperature: 0.2, stream: false, tools: [{ type: "function", function: { name: "get_weather", description: "Weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }], tool_choice: "auto",
  messages: [
    { role: "developer", content: "Answer briefly, with metric units." },
    { role: "user", content: [{ type: "text", text: "What is on this photo, and do I need an umbrella in 杭州 today?" }, { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } }, { type: "image_url", image_url: { url: "https://images.example.com/west-lake.jpg?w=1200" } }] },
    { role: "assistant", content: null, tool_calls: [{ id: "call_9", type: "function", function: { name: "get_weather", arguments: "{\"city\":\"杭州\",\"unit\":\"metric\"}" } }, { id: "call_10", type: "function", function: { name: "get_weather", arguments: "{\"city\": \"Hangz" } }] },
    { role: "tool", tool_call_id: "call_9", content: "{\"temp_c\":17,\"rain_mm\":4.2,\"wind\":\"NE 3\"}" },
    { role: "tool", tool_call_id: "call_10", content: "Error: arguments are not JSON" },
  ],
};

const HOSTILE = "<img src=x onerror=\"window.__pwned=1\"> <script>window.__pwned=1</script>\n\n[click](javascript:window.__pwned=1) ![pixel](https://evil.example/pixel.png)\n\n<svg onload=\"window.__pwned=1\"></svg> <a href=\"data:text/html,<script>1</script>\">x</a> \u202Egnp.exe\u202C \u001b[31mred\u001b[0m <iframe src=\"//evil.example\"></iframe> <style>body{display:none}</style> <form action=//evil.example><input name=a></form>";

const MARKDOWN = "**Timeline.** At 01:58 the nightly export started on the primary instead of the replica, because the replica was still catching up after the index build.\n\n1. It took a shared lock on the `ledger` table.\n2. No alert fired: lock waits below five minutes are not paged.\n\n| time | what | rows |\n|---|---|--:|\n| 01:58 | export starts | 0 |\n| 02:00 | lock held | 18,204 |\n| 02:04 | settlement retried twice | 0 |\n\n```sql\nselect pid, wait_event, query\nfrom pg_stat_activity\nwhere wait_event_type = 'Lock';\n```\n\n> The replica caught up at 02:11.\n\nSee [the runbook](https://runbook.example/locks) for what to do next.";

let huge;
function hugeBody() {
  huge ??= JSON.stringify({ model: "gpt-4o", messages: Array.from({ length: 900 }, (_, i) => ({ role: i % 2 ? "assistant" : "user", content: `第 ${i} 条 message ${i} `.repeat(8) + "lorem ipsum dolor sit amet ".repeat(320) })), metadata: Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`key_${i}`, { n: i, s: `value ${i}`, list: [i, i + 1, i + 2] }])) });
  return huge;
}

const words = (text) => text.match(/[\u4e00-\u9fff]{1,2}|[^\u4e00-\u9fff\s]+\s*|\s+/g);

export function bodies(kind, x) {
  switch (kind) {
    case "chatStream": {
      const events = sseOf(x.model, words(MARKDOWN), { stallAfter: x.duration_ms > 9000 ? 60 : null });
      return { request: side(head(), { model: x.model, stream: true, stream_options: { include_usage: true }, messages: [{ role: "system", content: "You write incident reports for engineers." }, { role: "user", content: "Write the timeline of the lock incident, then the two queries we should alert on." }] }), response: stream(events), events, tries: x.attempts > 1 ? [tryOf(x, { n: 1, provider: "azure", key: "eus-02", status: 429, error: { code: "rate_limit_exceeded", message: "Requests to this deployment have exceeded the rate limit" }, request: asSent(x, { model: "gpt-41-eus", stream: true, messages: [{ role: "user", content: "Write the timeline of the lock incident, then the two queries we should alert on." }] }), response: side([["content-type", "application/json"], ["retry-after", "12"], ["x-ratelimit-remaining-requests", "0"]], { error: { code: "rate_limit_exceeded", message: "Requests to this deployment have exceeded the rate limit" } }), connect_ms: 31, ttfb_ms: 640, duration_ms: 656 }), tryOf(x, { n: 2, reason: "failover", start_ms: 672, connect_ms: 96, ttfb_ms: 1540, duration_ms: (x.duration_ms ?? 3000) - 672 })] : [tryOf(x)] };
    }
    case "chatPlain":
      return { request: side(head(), { model: x.model, stream: false, temperature: 0.7, messages: [{ role: "system", content: "你是客服机器人，回答简短、友好。" }, { role: "user", content: "我的订单 20261120-38 什么时候发货？" }] }), response: side(back(), { id: "chatcmpl-1", object: "chat.completion", created: T, model: x.model, choices: [{ index: 0, message: { role: "assistant", content: "您的订单 **20261120-38** 已完成拣货，预计今天 18:00 前发出。发货后会有短信通知，您也可以在「我的订单」里查看物流。", refusal: null }, finish_reason: "stop" }], usage: { prompt_tokens: 940, completion_tokens: 186, total_tokens: 1126 } }, { content_encoding: "gzip", decoded: true }), tries: [tryOf(x)] };
    case "chatTools":
      return { request: side(head(), chatTools), response: side(back(), { id: "chatcmpl-2", object: "chat.completion", created: T, model: "gpt-4o-2024-11-20", choices: [{ index: 0, message: { role: "assistant", content: "West Lake in the morning. Yes, take one: 4.2 mm of rain and 17 °C in 杭州." }, finish_reason: "stop" }], usage: { prompt_tokens: 3344, completion_tokens: 620 } }), tries: [tryOf(x)] };
    case "anthropicTools": {
      let at = 1100;
      const ev = (event, data) => ({ offset_ms: (at += 37), event, data: JSON.stringify({ type: event, ...data }), bytes: 120 });
      const events = [
        ev("message_start", { message: { id: "msg_01", role: "assistant", model: x.model, content: [], usage: { input_tokens: 1842, output_tokens: 1 } } }),
        ev("content_block_start", { index: 0, content_block: { type: "thinking", thinking: "" } }),
        ...["白屏只在硬刷新时", "出现，先看首帧之前谁写", "主题……main.ts 是模块脚本，", "在样式之后才执行。"].map((t) => ev("content_block_delta", { index: 0, delta: { type: "thinking_delta", thinking: t } })),
        ev("content_block_stop", { index: 0 }),
        ev("content_block_start", { index: 1, content_block: { type: "text", text: "" } }),
        ...words("原因找到了：`data-theme` 由 `main.ts` 在模块加载后才写入。最小改动是在样式表之前同步写一次，然后跑一遍测试：").map((t) => ev("content_block_delta", { index: 1, delta: { type: "text_delta", text: t } })),
        ev("content_block_stop", { index: 1 }),
        ev("content_block_start", { index: 2, content_block: { type: "tool_use", id: "toolu_3", name: "run_tests", input: {} } }),
        ...["{\"path\"", ": \"tests/login", ".spec.ts\"}"].map((t) => ev("content_block_delta", { index: 2, delta: { type: "input_json_delta", partial_json: t } })),
        ev("content_block_stop", { index: 2 }),
        ev("message_delta", { delta: { stop_reason: "tool_use" }, usage: { output_tokens: 412 } }),
        ev("message_stop", {}),
      ];
      return { request: side(head([["anthropic-version", "2026-10-21"]]), anthropicRequest), response: stream(events), events, tries: x.attempts > 1 ? [tryOf(x, { provider: "anthropic", key: "team-a", status: 429, connect_ms: 34, ttfb_ms: 380, duration_ms: 382, error: { code: "rate_limit_error", message: "This request would exceed your organization’s rate limit" } }), tryOf(x, { n: 2, reason: "failover", start_ms: 396, connect_ms: 120, ttfb_ms: 980, duration_ms: x.duration_ms == null ? null : x.duration_ms - 396 })] : [tryOf(x)] };
    }
    case "responses":
      return { request: side(head(), { model: x.model, instructions: "Be terse.", reasoning: { effort: "medium" }, input: [{ role: "user", content: [{ type: "input_text", text: "How many primes are below 100, and what is their sum?" }] }], tools: [{ type: "function", name: "python", parameters: {} }] }), response: side(back(), { id: "resp_1", object: "response", status: "completed", model: x.model, output: [{ type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "**Counting primes**\n\nThere are 25 below 100. Checking the sum with the tool." }] }, { type: "function_call", call_id: "fc_1", name: "python", arguments: "{\"code\":\"sum(p for p in range(2,100) if all(p%d for d in range(2,p)))\"}" }, { type: "message", role: "assistant", content: [{ type: "output_text", text: "25 primes; their sum is **1060**.", annotations: [] }] }], usage: { input_tokens: 88, output_tokens: 240, output_tokens_details: { reasoning_tokens: 192 } } }), tries: [tryOf(x)] };
    case "chatOverMessages":
      return chatOverMessages(x);
    case "messagesOverChat":
      return messagesOverChat(x);
    case "embeddings":
      return { request: side(head(), { model: x.model, input: ["狐狸跳过了懒狗", "The quick brown fox", "第三段：向量检索的召回率取决于切分方式。"], dimensions: 1536 }), response: side(back(), { object: "list", data: [0, 1, 2].map((i) => ({ object: "embedding", index: i, embedding: Array.from({ length: 1536 }, (_, k) => Math.round(Math.sin(k * (i + 1)) * 1e6) / 1e7) })), model: x.model, usage: { prompt_tokens: 8192, total_tokens: 8192 } }), tries: [tryOf(x, { reused: true, connect_ms: null })] };
    case "completions":
      return { request: side(head(), { model: x.model, prompt: "def fib(n):\n    ", max_tokens: 64, stop: ["\n\n"] }), response: side(back(), { id: "cmpl-1", object: "text_completion", model: x.model, choices: [{ text: "return n if n < 2 else fib(n - 1) + fib(n - 2)", index: 0, finish_reason: "stop" }] }), tries: [tryOf(x)] };
    case "models":
      return { request: side(head(), "", { body: null, body_bytes: 0 }), response: side(back(), { object: "list", data: ["gpt-4o", "gpt-4.1", "o4-mini"].map((id) => ({ id, object: "model", owned_by: "openai" })) }), tries: [tryOf(x)] };
    case "error":
      return { request: side(head(), chatTools), response: side(back(), { error: { message: x.status === 429 ? "Rate limit reached for gpt-4o in organization org-x on tokens per min. Limit: 30000, Requested: 52312." : "Invalid 'messages[2].tool_calls[1].function.arguments': not valid JSON.", type: x.status === 429 ? "tokens" : "invalid_request_error", param: null, code: x.status === 429 ? "rate_limit_exceeded" : null } }), tries: [tryOf(x)] };
    case "failed":
      return { request: side(head(), { model: x.model, messages: [{ role: "user", content: "总结这份合同的违约条款。" }] }), response: side(back(), { error: { message: "could not connect to any upstream", type: "upstream_error", code: "upstream_connect" } }), tries: [1, 2, 3].map((n) => tryOf(x, { n, status: null, error: { code: "upstream_connect", message: "connection refused" }, key: ["default", "vip-2", "vip-3"][n - 1], start_ms: (n - 1) * 6100, connect_ms: null, ttfb_ms: null, duration_ms: 6020, reason: n > 1 ? "failover" : "strategy" })) };
    case "closed": {
      const events = sseOf(x.model, words(MARKDOWN).slice(0, 42)).slice(0, -3);
      return { request: side(head(), { model: x.model, stream: true, messages: [{ role: "user", content: "Write the timeline of the lock incident." }] }), response: stream(events), events, tries: [tryOf(x)] };
    }
    case "shed":
      return { request: side(head(), "", { body: null, shed: true, body_bytes: 184_320 }), response: side(back(), "", { body: null, shed: true, body_bytes: 9_120 }), tries: [tryOf(x)] };
    case "huge":
      return { request: side(head(), hugeBody(), { truncated: true, body_bytes: 19_400_000 }), response: side(back(), { id: "chatcmpl-3", object: "chat.completion", model: x.model, choices: [{ index: 0, message: { role: "assistant", content: "That was a lot." }, finish_reason: "length" }] }), tries: [tryOf(x)] };
    case "binary":
      return { request: side(head(), { model: "gpt-4o-mini-tts", voice: "alloy", input: "你好，世界" }), response: side(back("audio/mpeg"), "SUQzBAAAAAAAI1RTU0UAAAAPAAADTGF2ZjU4Ljc2LjEwMAAAAAAAAAAAAAAA", { body_encoding: "base64", body_bytes: 48_128 }), tries: [tryOf(x)] };
    case "hostile":
      return { request: side(head([["X-Evil", HOSTILE.slice(0, 60)]]), { model: x.model, messages: [{ role: "system", content: HOSTILE }, { role: "user", content: [{ type: "text", text: HOSTILE }, { type: "image_url", image_url: { url: "data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+" } }, { type: "image_url", image_url: { url: "javascript:alert(1)" } }] }] }), response: side(back(), { choices: [{ index: 0, message: { role: "assistant", content: HOSTILE }, finish_reason: "stop" }] }), tries: [tryOf(x)] };
    case "socket":
      return { request: side(head([["Upgrade", "websocket"], ["Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.[redacted]"]]), "", { body: null, body_bytes: 0 }), response: side([["Upgrade", "websocket"], ["Connection", "Upgrade"]], "", { body: null, body_bytes: 0 }), tries: [tryOf(x)], messages: Array.from({ length: 24 }, (_, i) => ({ offset_ms: 120 + i * 210, side: i % 3 ? "response" : "request", kind: i % 7 === 6 ? "binary" : i === 23 ? "close" : "text", data: i % 7 === 6 ? "AAECAwQFBgcICQ==" : i === 23 ? "1000" : JSON.stringify({ type: i % 3 ? "response.audio_transcript.delta" : "input_audio_buffer.append", event_id: `event_${i}`, delta: ["你", "好", "，", "我", "能", "帮"][i % 6] }), encoding: i % 7 === 6 ? "base64" : "utf8" })) };
    default:
      return { request: null, response: null, tries: [] };
  }
}

// ── converted: the client speaks one API, the upstream another ──

const upstreamHead = (vendor) => (vendor === "anthropic" ? [["host", "api.anthropic.com"], ["x-api-key", "sk-ant-…9uHg"], ["anthropic-version", "2023-06-01"], ["content-type", "application/json"], ["user-agent", "OpenAI/Python 2.8.1"]] : [["host", "api.openai.com"], ["authorization", "Bearer sk-…k9Zt"], ["content-type", "application/json"], ["user-agent", "claude-cli/2.0.14"]]);
const WEATHER = { type: "object", properties: { city: { type: "string", description: "Name of a city" } }, required: ["city"] };

/** OpenAI chat over Anthropic messages, streamed on both sides. */
function chatOverMessages(x) {
  const text = words("今天杭州有小雨，17 °C，东北风 3 级。建议带伞，傍晚前后雨势会变大。");
  const ev = (type, data) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
  const up = [
    ev("message_start", { message: { id: "msg_01", type: "message", role: "assistant", model: x.model, content: [], usage: { input_tokens: 412, cache_read_input_tokens: 5120, output_tokens: 1 } } }),
    ev("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
    ev("ping", {}),
    ...text.map((t) => ev("content_block_delta", { index: 0, delta: { type: "text_delta", text: t } })),
    ev("content_block_stop", { index: 0 }),
    ev("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 62 } }),
    ev("message_stop", {}),
  ].join("");
  const events = sseOf(x.model, text, { first: 410 });
  const sent = {
    model: "claude-haiku-4-5", max_tokens: 4096, stream: true, temperature: 1,
    system: [{ type: "text", text: "You are the weather desk. 回答简短。" }],
    messages: [{ role: "user", content: [{ type: "text", text: "杭州今天要带伞吗？" }] }, { role: "assistant", content: [{ type: "tool_use", id: "call_9", name: "get_weather", input: { city: "杭州" } }] }, { role: "user", content: [{ type: "tool_result", tool_use_id: "call_9", content: "{\"temp_c\":17,\"rain_mm\":4.2}" }] }],
    tools: [{ name: "get_weather", description: "The weather of a city", input_schema: WEATHER }], stop_sequences: ["\n\nHuman:"],
  };
  const asked = {
    model: x.model, stream: true, temperature: 1.4, seed: 7, logit_bias: { 50256: -100 }, max_completion_tokens: 4096, stop: "\n\nHuman:",
    messages: [{ role: "system", content: "You are the weather desk. 回答简短。" }, { role: "user", content: "杭州今天要带伞吗？" }, { role: "assistant", content: null, tool_calls: [{ id: "call_9", type: "function", function: { name: "get_weather", arguments: "{\"city\":\"杭州\"}" } }] }, { role: "tool", tool_call_id: "call_9", content: "{\"temp_c\":17,\"rain_mm\":4.2}" }],
    tools: [{ type: "function", function: { name: "get_weather", description: "The weather of a city", parameters: WEATHER } }],
  };
  return {
    request: side(head(), asked), response: stream(events), events,
    tries: [tryOf(x, { url: "https://api.anthropic.com/v1/messages", request: side(upstreamHead("anthropic"), sent), response: side([["content-type", "text/event-stream; charset=utf-8"], ["request-id", "req_011CQ"]], up) })],
  };
}

/** Anthropic messages over OpenAI chat, answered whole. */
function messagesOverChat(x) {
  const asked = { model: x.model, max_tokens: 1024, top_k: 40, system: [{ type: "text", text: "You review code.", cache_control: { type: "ephemeral" } }], messages: [{ role: "user", content: "Is `a ??= b` the same as `a = a || b`?" }] };
  const sent = { model: "gpt-4.1", max_completion_tokens: 1024, messages: [{ role: "system", content: "You review code." }, { role: "user", content: "Is `a ??= b` the same as `a = a || b`?" }] };
  const answer = "No. `??=` assigns only when `a` is null or undefined; `||` also replaces 0, \"\" and false.";
  const came = { id: "chatcmpl-9", object: "chat.completion", created: T, model: "gpt-4.1-2025-04-14", choices: [{ index: 0, message: { role: "assistant", content: answer, refusal: null }, finish_reason: "stop" }], usage: { prompt_tokens: 41, completion_tokens: 33, total_tokens: 74 }, system_fingerprint: "fp_1" };
  const told = { id: "msg_chatcmpl-9", type: "message", role: "assistant", model: x.model, content: [{ type: "text", text: answer }], stop_reason: "end_turn", stop_sequence: null, usage: { input_tokens: 41, output_tokens: 33, cache_read_input_tokens: 0 } };
  return {
    request: side([["Host", "127.0.0.1:8080"], ["x-api-key", "gw-…k9ab"], ["anthropic-version", "2023-06-01"], ["Content-Type", "application/json"], ["User-Agent", "claude-cli/2.0.14"]], asked), response: side(back(), told),
    tries: [tryOf(x, { url: "https://api.openai.com/v1/chat/completions", request: side(upstreamHead("openai"), sent), response: side(back(), came) })],
  };
}

/** What a request was priced by, in the shape of the API. */
export function priceOf(x) {
  if (x.cost_usd == null || !x.model || x.outcome === "in_flight") return null;
  const price = (model, input, output, cache_read = null, cache_write = null, over = {}) => ({ model, input, output, cache_read, cache_write, written_tokens: 0, multiplier: 1, per_call_usd: null, source: "list", ...over });
  if (x.key === "vip-2") return price(x.model, 1.8, 9, 0.18, 2.25, { multiplier: 0.6, written_tokens: 1200 });
  if (x.provider === "hk-relay") return { ...price(null, null, null, null, null), source: "call", per_call_usd: x.cost_usd };
  if (x.model.startsWith("claude")) return price(x.model, 1, 5, 0.1, 1.25, { written_tokens: 412 });
  return price(x.model, 2, 8, x.model === "gpt-4.1" ? 0.5 : null, null, { source: x.model === "gpt-4o-mini" ? "override" : "list" });
}

const row = (body, x) => ({ body, x: { mode: "managed", ...x } });
const u = (i, o, c = 0, r = 0) => ({ prompt_tokens: i, completion_tokens: o, cached_tokens: c, reasoning_tokens: r, source: "upstream" });

/** The first rows of the list, in the order of the visual reference, with the hard cases among them. */
export const ROWS = [
  row("chatOverMessages", { model: "claude-haiku-4-5", provider: "anthropic", key: "team-a", client_token: "weather-desk", upstream_model: "claude-haiku-4-5-20251001", usage: u(5944, 62, 5120), cost_usd: 0.00175, duration_ms: 1900, first_token_ms: 410, warnings: ["dropped seed", "dropped logit_bias", "changed temperature"] }),
  row("messagesOverChat", { model: "claude-sonnet-4-5", path: "/v1/messages", provider: "openai", key: "main", client_token: "agent-review", upstream_model: "gpt-4.1", usage: u(41, 33), cost_usd: 0.000346, duration_ms: 1400, first_token_ms: null, stream: false, warnings: ["dropped top_k", "dropped cache_control"] }),
  row("embeddings", { model: "text-embedding-3-large", path: "/v1/embeddings", key: "main", client_token: "ci-index", usage: u(8192, null), cost_usd: 0.0011, stream: false, duration_ms: 214, ttfb_ms: 190, first_token_ms: null }),
  row("anthropicTools", { model: "claude-haiku-4-5", path: "/v1/messages", provider: "anthropic", key: "team-a", client_token: "agent-web", usage: u(6120, 98, 5120), cost_usd: 0.0066, duration_ms: 1200, first_token_ms: 410, attempts: 1 }),
  row("chatPlain", { model: "gpt-4o-mini", key: "main", client_token: "客服机器人", usage: u(940, 186), cost_usd: 0.0003, duration_ms: 2200, first_token_ms: 322, stream: false }),
  row("chatStream", { model: "gpt-4.1", key: "backup", client_token: "report-bot", usage: u(11_800, 734, 9000), cost_usd: 0.0295, duration_ms: 15_400, first_token_ms: 2310, ttfb_ms: 2270, attempts: 2 }),
  row("failed", { model: "qwen3-max", provider: "hk-relay", key: "default", client_token: "小李", status: 502, outcome: "upstream_error", usage: null, cost_usd: null, duration_ms: 18_400, first_token_ms: null, ttfb_ms: null, attempts: 3, error: { code: "upstream_connect", message: "could not connect to any upstream" } }),
  row("anthropicTools", { model: "claude-sonnet-4-5", path: "/v1/messages", provider: "hk-relay", key: "vip-2", client_token: "agent-web", usage: u(37_900, 288, 36_000, 90), cost_usd: 0.0184, duration_ms: 6000, first_token_ms: 1100, attempts: 2 }),
  row("error", { model: "gpt-4o", provider: "azure", key: "swe-01", client_token: "agent-review", status: 400, outcome: "client_error", usage: u(512, null), cost_usd: null, duration_ms: 188, first_token_ms: null, stream: false }),
  row("chatTools", { model: "gpt-4o", provider: "azure", key: "eus-02", client_ip: "10.0.4.17", usage: u(3344, 620), cost_usd: 0.0146, duration_ms: 7400, first_token_ms: 512, stream: false }),
  row("closed", { model: "gpt-4.1", key: "main", client_token: "report-bot", outcome: "client_closed", usage: { ...u(22_600, 96), source: "estimated" }, cost_usd: 0.046, duration_ms: 3100, first_token_ms: 380 }),
  row("responses", { model: "o4-mini", path: "/v1/responses", key: "main", client_token: "vscode-zhang", usage: u(88, 240, 0, 192), cost_usd: 0.0011, duration_ms: 5400, first_token_ms: 3900, stream: false }),
  row("huge", { model: "gpt-4o", key: "main", client_token: "batch-import", usage: u(118_000, 4096), cost_usd: 0.336, duration_ms: 74_000, first_token_ms: 9100, stream: false, request_bytes: 19_400_000 }),
  row("hostile", { model: "<img src=x onerror=alert(1)>", key: "main", client_token: "\"><script>alert(1)</script>", usage: u(300, 40), cost_usd: 0.0004, duration_ms: 900, first_token_ms: 300, stream: false }),
  row("error", { model: "claude-opus-4-1", path: "/v1/messages", provider: "anthropic", key: "team-b", client_token: "agent-review", status: 429, outcome: "client_error", usage: u(52_300, null), cost_usd: null, duration_ms: 640, first_token_ms: null, attempts: 2 }),
  row("models", { model: null, method: "GET", path: "/v1/models", mode: "transparent", key: null, client_token: "vscode-zhang", usage: null, cost_usd: 0, duration_ms: 141, first_token_ms: null, stream: false }),
  row("socket", { model: "gpt-realtime", method: "GET", path: "/v1/realtime", key: "main", client_ip: "192.168.1.20", status: 101, usage: null, cost_usd: null, duration_ms: 184_000, first_token_ms: null, stream: true }),
  row("completions", { model: "gpt-3.5-turbo-instruct", path: "/v1/completions", mode: "transparent", key: null, usage: u(12, 22), cost_usd: 0.00006, duration_ms: 610, first_token_ms: null, stream: false }),
  row("shed", { model: "deepseek-chat", provider: "hk-relay", key: "vip-2", client_token: "小李", usage: u(2870, 1512), cost_usd: 0.0019, duration_ms: 24_600, first_token_ms: 760, warnings: ["body_shed"] }),
  row("binary", { model: "gpt-4o-mini-tts", path: "/v1/audio/speech", key: "main", client_token: "客服机器人", usage: null, cost_usd: 0.0006, duration_ms: 1900, first_token_ms: null, stream: false }),
  row("chatStream", { model: "gpt-4.1", key: "main", client_token: "report-bot", usage: u(9410, 402), cost_usd: 0.022, duration_ms: 5200, first_token_ms: 604 }),
  row("failed", { model: "claude-sonnet-4-5", path: "/v1/messages", provider: "anthropic", key: "team-a", client_token: "agent-web", status: 529, outcome: "upstream_error", usage: u(36_000, null), cost_usd: null, duration_ms: 930, first_token_ms: null, error: { code: "overloaded_error", message: "Overloaded" } }),
  row("chatPlain", { model: "gpt-4o-mini", key: "backup", client_token: "客服机器人", usage: u(884, 152), cost_usd: 0.0002, duration_ms: 1900, first_token_ms: 305, stream: false }),
  row("closed", { model: "deepseek-chat", provider: "hk-relay", key: "default", client_token: "小李", outcome: "upstream_closed", usage: { ...u(4480, 1030), source: "estimated" }, cost_usd: 0.001, duration_ms: 29_300, first_token_ms: 910, error: { code: "upstream_closed", message: "the upstream closed the connection in the middle of the body" } }),
  row("chatStream", { model: "qwen3-max", provider: "hk-relay", key: "default", client_token: "小李", usage: u(1744, 930), cost_usd: 0.0041, duration_ms: 16_900, first_token_ms: 830 }),
  row("anthropicTools", { model: "claude-sonnet-4-5", path: "/v1/messages", provider: "anthropic", key: "team-b", client_token: "agent-web", usage: u(37_100, 1946, 30_000), cost_usd: 0.0403, duration_ms: 31_800, first_token_ms: 1100 }),
  row("failed", { model: "gpt-4o", mode: "transparent", key: null, status: 504, outcome: "timeout", usage: null, cost_usd: null, duration_ms: 600_000, first_token_ms: null, error: { code: "upstream_timeout", message: "no byte from the upstream for 10 m" } }),
  row("chatPlain", { model: "gpt-4o-mini", key: "main", client_token: "客服机器人", usage: u(1120, 208), cost_usd: 0.0003, duration_ms: 2300, first_token_ms: 290, stream: false }),
];
