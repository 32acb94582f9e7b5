// The managed half of the stand-in monitor: a pool as in the visual reference, with keys that cool,
// dry up, die and come back, two relay stations, models, routes and client tokens, and refusals to
// look at. Nothing here ships.

const KINDS = { openai: "sk-proj-", anthropic: "sk-ant-", azure: "", "hk-relay": "sk-", "sg-relay": "sk-" };
const iso = (ms) => new Date(ms).toISOString();
const ago = (s) => iso(Date.now() - s * 1000);

export const PRESETS = [
  ["openai", "OpenAI", "openai", "https://api.openai.com", "sk-proj-…", ["gpt-4.1", "gpt-4o", "gpt-4o-mini", "o4-mini"]],
  ["anthropic", "Anthropic", "anthropic", "https://api.anthropic.com", "sk-ant-…", ["claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-1"]],
  ["azure", "Azure OpenAI", "azure", "https://NAME.openai.azure.com", "32 hex digits", ["gpt-4o"], "2024-10-21"],
  ["deepseek", "DeepSeek", "openai", "https://api.deepseek.com", "sk-…", ["deepseek-chat", "deepseek-reasoner"]],
  ["moonshot", "Moonshot (Kimi)", "openai", "https://api.moonshot.cn", "sk-…", ["kimi-k2"]],
  ["qwen", "Qwen (DashScope)", "openai", "https://dashscope.aliyuncs.com/compatible-mode/v1", "sk-…", ["qwen3-max"]],
  ["zhipu", "Zhipu (GLM)", "openai", "https://open.bigmodel.cn/api/paas/v4", "….…", ["glm-4.6"]],
  ["siliconflow", "SiliconFlow", "openai", "https://api.siliconflow.cn", "sk-…", []],
  ["openrouter", "OpenRouter", "openai", "https://openrouter.ai/api/v1", "sk-or-…", []],
  ["groq", "Groq", "openai", "https://api.groq.com/openai/v1", "gsk_…", []],
  ["mistral", "Mistral", "openai", "https://api.mistral.ai", "…", ["mistral-large-latest"]],
  ["gemini", "Gemini", "openai", "https://generativelanguage.googleapis.com/v1beta/openai", "AIza…", ["gemini-2.5-pro"]],
  ["ollama", "Ollama", "openai", "http://127.0.0.1:11434", null, []],
  ["vllm", "vLLM", "openai", "http://127.0.0.1:8000", null, []],
  ["lmstudio", "LM Studio", "openai", "http://127.0.0.1:1234", null, []],
].map(([name, label, kind, base_url, key_hint, models, api_version]) => ({ name, label, kind, base_url, docs_url: `https://docs.example.com/${name}`, key_hint, models, ...(api_version ? { api_version } : {}) }));

const provider = (id, name, kind, base_url, over = {}) => ({
  id, name, kind, base_url, enabled: true, priority: 0, notes: "", price_multiplier: 1, api_version: null, deployments: {}, built_in: id === 1,
  health: { status: "ok", status_reason: null, status_until: null }, preset: name, created_at: ago(86_400 * 40), ...over,
});

/** name, provider, tail, status, reason, seconds until, spent, quota, uses, seconds since used, weight */
const KEYS = [
  ["backup", "openai", "x4Qd", "cooling", "rate_limit_exceeded", 72, 18.2, 50, 3806, 42],
  ["eus-02", "azure", "7c1e", "cooling", "rate_limit_exceeded", 39, 6.31, null, 864, 3],
  ["swe-02", "azure", "b09a", "cooling", "overloaded_error", 148, 2.05, null, 311, 120],
  ["team-c", "anthropic", "Pw3k", "exhausted", "quota_usd is spent", 1390, 50, 50, 1920, 3600],
  ["old", "hk-relay", "e77a", "invalid", "invalid_api_key", null, 3.44, 20, 402, 90_000],
  ["main", "openai", "k9Zt", "active", null, null, 34.9, 100, 12_480, 1, 3],
  ["ci", "openai", "M2wa", "active", null, null, 4.11, 20, 5022, 3],
  ["team-a", "anthropic", "9uHg", "active", null, null, 41.7, 50, 4371, 2, 2],
  ["team-b", "anthropic", "Tt0c", "active", null, null, 22.4, 50, 2208, 9, 2],
  ["vip-2", "hk-relay", "0d5f", "active", null, null, 8.83, 30, 2950, 1],
  ["default", "hk-relay", "41bc", "active", null, null, 2.6, null, 1377, 12],
  ["swe-01", "azure", "d3f8", "active", null, null, 1.9, null, 540, 4],
  ["batch-1", "openai", "77Lp", "active", null, null, 6.02, 20, 3310, 5],
  ["batch-2", "openai", "c0Rz", "active", null, null, 5.48, 20, 3102, 7],
  ["batch-3", "openai", "Yw1n", "active", null, null, 3.77, 20, 2245, 31],
  ["team-d", "anthropic", "Gh5b", "active", null, null, 4.9, 50, 702, 60],
  ["web", "openai", "5dJe", "active", null, null, 2.2, 20, 1688, 120],
  ["vip-1", "hk-relay", "9ac2", "active", null, null, 1.15, 30, 540, 130],
  ["wus-01", "azure", "e20b", "active", null, null, 0.88, null, 201, 260],
  ["eval", "openai", "Qm8t", "active", null, null, 0.64, 5, 166, 560],
  ["eval", "anthropic", "z7Fd", "active", null, null, 0.92, 5, 94, 570],
  ["demo", "openai", "oP3c", "active", null, null, 0.02, 5, 12, 260_000],
  ["default", "sg-relay", "aa90", "inactive", null, null, 0.7, 10, 88, 520_000],
];

export function managed(say, { empty = false, many = false, broken = false } = {}) {
  let providers = [provider(1, "openai", "openai", "https://api.openai.com", { preset: "openai" })];
  let keys = [];
  let models = [];
  let routes = [];
  let tokens = [];
  let next = 100;
  const settings = { strategy: "smart", max_attempts: 3, cooldown_s: 30, breaker_failures: 5, breaker_window_s: 60, breaker_open_s: 30, request_deadline_s: 600, retry_after_timeout: false, max_exchanges: null, max_age_s: null };

  const keyOf = ([name, of, tail, status, reason, until, spent, quota, uses, used, weight = 1], id) => ({
    id, provider_id: providers.find((p) => p.name === of).id, name, masked: KINDS[of] ? `${KINDS[of]}…${tail}` : `…${tail}`, status, status_reason: reason,
    status_until: until === null ? null : iso(Date.now() + until * 1000), models: name === "vip-2" ? ["claude-sonnet-4-5", "qwen3-max"] : [], weight, priority: 0, price_per_call_usd: null,
    quota_usd: quota, spent_usd: spent, remaining_usd: quota === null ? null : Math.max(0, quota - spent), total_requests: uses, last_used_at: used === null ? null : ago(used), created_at: ago(86_400 * 30),
  });
  if (!empty) {
    providers.push(
      provider(2, "anthropic", "anthropic", "https://api.anthropic.com", { priority: 10 }),
      provider(3, "azure", "azure", "https://glassway-swe.openai.azure.com", { api_version: "2024-10-21", deployments: { "gpt-4o": "gpt4o-swe", "gpt-4.1": "gpt41" }, health: { status: "cooling", status_reason: "overloaded_error", status_until: iso(Date.now() + 1_480_000) } }),
      provider(4, "hk-relay", "openai", "https://api.hk-relay.example/v1", { preset: null, price_multiplier: 0.6, notes: "五月采购，联系人小李" }),
      provider(5, "sg-relay", "openai", "https://sg.relay.example", { preset: null, enabled: false, price_multiplier: 1.2, health: { status: "open", status_reason: "status 502", status_until: null } }),
      provider(6, "ollama", "openai", "http://127.0.0.1:11434", { priority: -5 }),
    );
    keys = KEYS.map((k, i) => keyOf(k, i + 1));
    if (many) keys.push(...Array.from({ length: 240 }, (_, i) => keyOf([`bulk-${i + 1}`, "openai", (4096 + i * 7).toString(16), "active", null, null, i / 9, null, i * 3, null], 1000 + i)));
    const price = (input, output, cache_read = null, cache_write = null) => ({ input, output, cache_read, cache_write });
    models = [
      ["gpt-4.1", "", { vision: true, tools: true }, price(2, 8, 0.5), "list", ["openai", "azure"], "fetched", 11],
      ["gpt-4o", "The workhorse of the support bot", { vision: true, tools: true, json: true }, price(2.5, 10, 1.25), "list", ["openai", "azure"], "both", 13],
      ["gpt-4o-mini", "", { vision: true, tools: true }, price(0.15, 0.6, 0.075), "list", ["openai"], "fetched", 9],
      ["o4-mini", "", { tools: true, reasoning: true }, price(1.1, 4.4, 0.275), "list", ["openai"], "fetched", 9],
      ["claude-sonnet-4-5", "", { vision: true, tools: true, reasoning: true }, price(3, 15, 0.3, 3.75), "list", ["anthropic", "hk-relay"], "fetched", 6],
      ["claude-haiku-4-5", "", { vision: true, tools: true }, price(1, 5, 0.1, 1.25), "list", ["anthropic"], "fetched", 5],
      ["claude-opus-4-1", "", { vision: true, tools: true }, price(15, 75, 1.5, 18.75), "list", ["anthropic"], "fetched", 5],
      ["qwen3-max", "中文长文优先用它", { tools: true }, price(0.86, 3.44), "override", ["hk-relay"], "both", 4],
      ["deepseek-chat", "", { tools: true }, price(0.27, 1.1, 0.07), "list", ["hk-relay"], "fetched", 4],
      ["deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "", { reasoning: true }, null, null, ["hk-relay"], "fetched", 1],
      ["text-embedding-3-large", "", { embeddings: true }, price(0.13, 0), "list", ["openai"], "fetched", 9],
      ["house/summary", "Our fine-tuned summaries", {}, price(0.4, 1.2), "override", [], "added", 0],
    ].map(([model_name, description, capabilities, prices, price_source, of, source, n]) => ({ model_name, description, capabilities, prices, price_source, providers: of, source, keys: n }));
    routes = [
      { id: 1, model: "gpt-4o", candidates: [{ provider_id: 3, upstream_model: "gpt-4o", priority: 10, weight: 1 }, { provider_id: 1, upstream_model: "gpt-4o", priority: 0, weight: 1 }], strategy: "least_busy" },
      { id: 2, model: "claude-*", candidates: [{ provider_id: 2, upstream_model: null, priority: 10, weight: 1 }, { provider_id: 4, upstream_model: null, priority: 0, weight: 1 }], strategy: "affinity" },
      { id: 3, model: "house-chat", candidates: [{ provider_id: 4, upstream_model: "qwen3-max", priority: 0, weight: 3 }, { provider_id: 4, upstream_model: "deepseek-chat", priority: 0, weight: 1 }, { provider_id: 1, upstream_model: "gpt-4o-mini", priority: -10, weight: 1 }], strategy: null },
    ];
    const token = (id, name, over) => ({ id, name, masked: `gw-…${(id * 40961).toString(36).slice(-4).padStart(4, "k")}`, enabled: true, budget_usd: null, budget_period: "month", spent_usd: 0, rpm: null, tpm: null, allowed_models: [], expires_at: null, created_at: ago(86_400 * 20), last_used_at: null, ...over });
    tokens = [
      token(1, "agent-web", { budget_usd: 200, spent_usd: 171.2, rpm: 60, tpm: 400_000, allowed_models: ["claude-*"], last_used_at: ago(2) }),
      token(2, "客服机器人", { budget_usd: 20, budget_period: "day", spent_usd: 6.4, rpm: 300, allowed_models: ["gpt-4o-mini"], last_used_at: ago(8) }),
      token(3, "report-bot", { spent_usd: 31.75, last_used_at: ago(340) }),
      token(4, "小李", { budget_usd: 50, budget_period: "total", spent_usd: 50.02, last_used_at: ago(7400), expires_at: iso(Date.now() + 86_400_000 * 12) }),
      token(5, "vscode-zhang", { budget_usd: 10, spent_usd: 0.42, rpm: 20, expires_at: iso(Date.now() - 86_400_000), last_used_at: ago(190_000) }),
      token(6, "ci-index", { enabled: false, spent_usd: 2.1 }),
    ];
  }

  const list = (items) => ({ items, next: null, total: items.length });
  const shownKey = (k) => ({ ...k, provider: providers.find((p) => p.id === k.provider_id)?.name ?? "", fetched_models: 3 });
  const shownProvider = (p) => ({ ...p, origin: new URL(p.base_url).origin, warnings: [], keys: keys.filter((k) => k.provider_id === p.id).reduce((sum, k) => ({ ...sum, [k.status]: (sum[k.status] ?? 0) + 1 }), {}) });
  const shownRoute = (r) => ({ ...r, candidates: r.candidates.map((c) => ({ ...c, provider: providers.find((p) => p.id === c.provider_id)?.name })) });
  const counts = () => keys.reduce((sum, k) => ({ ...sum, [k.status]: (sum[k.status] ?? 0) + 1 }), {});
  const changed = (k) => say({ type: "key.changed", key: { id: k.id, status: k.status, status_reason: k.status_reason, status_until: k.status_until } });
  const stand = (k, status, reason = null, until = null) => {
    Object.assign(k, { status, status_reason: reason, status_until: until });
    changed(k);
  };
  const secrets = new Map();
  const pool = { counts, settings };

  // A little life: a key cools now and then and comes back.
  if (!empty) setInterval(() => {
    const k = keys.find((x) => x.status === "cooling" && Date.parse(x.status_until) < Date.now());
    if (k) stand(k, "active");
  }, 1000);

  class Refusal {
    constructor(status, detail, errors = []) { Object.assign(this, { status, detail, errors }); }
  }
  const must = (ok, field, message) => { if (!ok) throw new Refusal(422, "Some fields are not right.", [{ field, message }]); };
  const find = (items, id) => items.find((x) => String(x.id) === id) ?? (() => { throw new Refusal(404, "There is no such entry."); })();

  function checkProvider(p) {
    must(p.name && /^[a-z0-9][a-z0-9._-]*$/i.test(p.name), "name", "must be letters, digits, dots, dashes and underscores");
    must(!providers.some((o) => o.name === p.name && o.id !== p.id), "name", `a provider named ${p.name} exists already`);
    let url;
    try { url = new URL(p.base_url); } catch { must(false, "base_url", "is not an absolute http(s) address"); }
    must(url.hostname !== "169.254.169.254", "base_url", "169.254.169.254 is a metadata address; it is never allowed");
    must(url.hostname !== "127.0.0.1" || url.port === "11434", "base_url", `${url.host} is a loopback address. To allow it, add this line to config.toml and restart:\n[upstream]\nallow = ["${url.host}"]`);
  }
  function makeKey(provider_id, name, secret, over = {}) {
    const prefix = /^(sk-ant-|sk-proj-|sk-|gsk_)/.exec(secret)?.[0] ?? "";
    const k = { id: next++, provider_id, name: name || "", masked: `${prefix}…${secret.slice(-4)}`, status: "active", status_reason: null, status_until: null, models: [], weight: 1, priority: 0, price_per_call_usd: null, quota_usd: null, spent_usd: 0, remaining_usd: null, total_requests: 0, last_used_at: null, created_at: iso(Date.now()), ...over };
    secrets.set(`${provider_id} ${secret}`, k.id);
    keys.push(k);
    return k;
  }

  /** The last hour, busier where more was used in all; keys that are out stopped when they went. */
  function hour(by) {
    const names = { provider: providers.map((p) => p.name), model: models.map((m) => m.model_name), client_token: tokens.map((t) => t.name) }[by];
    if (names) {
      const items = names.slice(0, 9).map((name, i) => {
        const per_minute = Array.from({ length: 60 }, (_, m) => Math.max(0, Math.round((30 / (i + 1)) * (1 + 0.7 * Math.sin((m + i * 9) / 6) + ((m * 7919 + i * 31) % 13) / 13 - (i % 3 === 2 ? 1.5 : 0)))));
        return { name, provider: null, key_id: null, calls: per_minute.reduce((a, b) => a + b, 0), per_minute };
      });
      return { since: ago(3600), calls: items.reduce((sum, i) => sum + i.calls, 0), items };
    }
    const items = keys.filter((k) => k.total_requests > 100).map((k) => {
      const per_minute = Array.from({ length: 60 }, (_, m) => {
        const out = (k.status === "exhausted" && m > 36) || (k.status === "invalid" && m > 6) || (k.status === "cooling" && m > 57) || k.status === "inactive";
        return out ? 0 : Math.max(0, Math.round((k.total_requests / 900) * (1 + 0.6 * Math.sin((m + k.id * 7) / 5) + ((m * 7919 + k.id * 31) % 13) / 13)));
      });
      return { key_id: k.id, provider: providers.find((p) => p.id === k.provider_id)?.name ?? "", name: k.name, calls: per_minute.reduce((a, b) => a + b, 0), per_minute };
    }).filter((i) => i.calls > 0).sort((a, b) => b.calls - a.calls);
    return { since: ago(3600), calls: items.reduce((sum, i) => sum + i.calls, 0), items };
  }

  async function answer(method, path, q, body) {
    if (path === "/api/test/model") {
      await new Promise((resolve) => setTimeout(resolve, 600));
      const ok = !/embed|R1/.test(body.model);
      return [200, { ok, http_status: ok ? 200 : 404, latency_ms: 640, error: ok ? null : `404: The model ${body.model} does not exist or you do not have access to it.`, request_id: null }];
    }
    if (path === "/api/stats/hour") return broken ? [503, { title: "broken", status: 503, detail: "the database is locked by another process" }] : [200, hour(q.get("by"))];
    const at = /^\/api\/(keys|providers|models|prices|price-list|routes|client-tokens|presets|validate_keys|settings)(?:\/(.+))?$/.exec(path);
    if (!at) return undefined;
    const [, what, rest] = at;
    if (broken && what !== "settings") throw new Refusal(503, "the database is locked by another process");
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    await wait(40);
    switch (what) {
      case "settings":
        if (method === "PUT") {
          must(!(body.max_attempts < 1), "max_attempts", "must be at least 1");
          return [200, Object.assign(settings, body)];
        }
        return [200, settings];
      case "presets": return [200, { items: PRESETS }];
      case "price-list": return [200, { date: "2026-11-20", imported: false, models: models.filter((m) => m.prices).length, imported_at: null }];
      case "prices": {
        const shown = (m) => ({ model: m.model_name, ...m.prices, tiers: [], source: m.price_source });
        if (!rest) return [200, { ...list(models.filter((m) => m.prices).map(shown)), list_date: "2026-11-20", imported: false }];
        const m = models.find((x) => x.model_name === decodeURIComponent(rest));
        if (!m) throw new Refusal(404, "There is no such model.");
        if (method === "DELETE") { Object.assign(m, { price_source: "list" }); return [204]; }
        Object.assign(m, { prices: { cache_read: null, cache_write: null, ...body }, price_source: "override" });
        return [200, shown(m)];
      }
      case "validate_keys": {
        const outs = keys.filter((k) => ["cooling", "exhausted", "invalid"].includes(k.status));
        const answers = [];
        for (const [i, k] of outs.entries()) {
          await wait(500);
          const before = k.status;
          const ok = k.status === "cooling";
          if (ok) stand(k, "active");
          answers.push({ key_id: k.id, status_before: before, status_after: k.status, ok, error: ok ? null : k.status === "invalid" ? "401 invalid_api_key: Incorrect API key provided" : "429 insufficient_quota" });
          say({ type: "validation.progress", done: i + 1, total: outs.length });
        }
        return [200, answers];
      }
      case "keys": {
        if (!rest && method === "GET") return [200, list(keys.map(shownKey))];
        if (!rest) {
          must(body.key_value, "key_value", "is needed");
          must(!secrets.has(`${body.provider_id} ${body.key_value}`), "key_value", "this key is in the pool already, as openai/main");
          must(!(body.quota_usd < 0), "quota_usd", "must not be negative");
          const { key_value, provider_id, name, ...over } = body;
          return [201, shownKey(makeKey(provider_id, name, key_value, over))];
        }
        if (rest === "bulk") {
          const added = [], rejected = [];
          let duplicates = 0;
          body.text.split("\n").forEach((line, i) => {
            if (!line.trim() || line.startsWith("#")) return;
            const [secret, name] = line.split(",").map((s) => s.trim()).reverse();
            if (secrets.has(`${body.provider_id} ${secret}`)) duplicates++;
            else if (secret.includes("reject")) rejected.push({ line: i + 1, reason: "longer than any key of this provider" });
            else added.push(shownKey(makeKey(body.provider_id, name, secret)));
          });
          return [200, { added, duplicates, rejected }];
        }
        if (rest === "reset") {
          const outs = keys.filter((k) => ["cooling", "exhausted", "invalid"].includes(k.status));
          outs.forEach((k) => stand(k, "active"));
          return [200, { reset: outs.length }];
        }
        const [id, sub] = rest.split("/");
        const k = find(keys, id);
        if (sub === "test") {
          await wait(900);
          if (k.status === "invalid") return [200, { ok: false, status: "invalid", latency_ms: 212, models: [], error: "401 invalid_api_key: Incorrect API key provided" }];
          if (k.status !== "inactive") stand(k, "active");
          return [200, { ok: true, status: k.status, latency_ms: 312, models: ["gpt-4o", "gpt-4o-mini", "o4-mini"], error: null }];
        }
        if (sub === "status") {
          stand(k, body.status, null, null);
          return [200, shownKey(k)];
        }
        if (method === "DELETE") { keys = keys.filter((x) => x !== k); return [204]; }
        if (method === "PUT") {
          must(!(body.weight < 1), "weight", "must be from 1 to 1000");
          const { key_value, ...over } = body;
          Object.assign(k, over, key_value ? { masked: `sk-…${key_value.slice(-4)}` } : {});
          k.remaining_usd = k.quota_usd === null ? null : k.quota_usd - k.spent_usd;
        }
        return [200, shownKey(k)];
      }
      case "providers": {
        if (rest === "capabilities") {
          const endpoints = (kind) => (kind === "anthropic" ? ["/v1/messages", "/v1/models"] : ["/v1/chat/completions", "/v1/embeddings", "/v1/responses", "/v1/models"]);
          return [200, { items: providers.map((p) => ({ id: p.id, name: p.name, kind: p.kind, enabled: p.enabled, available: keys.some((k) => k.provider_id === p.id && k.status === "active"), models: models.filter((m) => m.providers.includes(p.name)).map((m) => m.model_name), endpoints: endpoints(p.kind), stream: true })) }];
        }
        if (!rest && method === "GET") return [200, list(providers.map(shownProvider))];
        if (!rest) {
          checkProvider(body);
          const p = provider(next++, body.name, body.kind, body.base_url, { preset: null, ...body });
          providers.push(p);
          return [201, shownProvider(p)];
        }
        const p = find(providers, rest);
        if (method === "DELETE") {
          const n = keys.filter((k) => k.provider_id === p.id).length;
          const used = routes.filter((r) => r.candidates.some((c) => c.provider_id === p.id)).map((r) => r.model);
          if (n || used.length) throw new Refusal(409, `${p.name} is in use: ${[n ? `${n} keys` : "", used.length ? `the routes ${used.join(", ")}` : ""].filter(Boolean).join(" and ")}. Delete those first.`);
          providers = providers.filter((x) => x !== p);
          return [204];
        }
        if (method === "PUT") {
          checkProvider({ ...p, ...body });
          if (body.base_url && new URL(body.base_url).origin !== new URL(p.base_url).origin) keys.filter((k) => k.provider_id === p.id).forEach((k) => stand(k, "invalid", "origin_changed"));
          Object.assign(p, body);
        }
        return [200, shownProvider(p)];
      }
      case "models": {
        if (!rest && method === "GET") {
          if (q.get("refresh") === "true") await wait(1500);
          return [200, list(models)];
        }
        if (!rest) {
          must(body.model_name, "model_name", "is needed");
          must(!models.some((m) => m.model_name === body.model_name), "model_name", "exists already");
          const m = { ...body, price_source: body.prices ? "override" : null, providers: [], source: "added", keys: 0 };
          models.push(m);
          return [201, m];
        }
        const m = models.find((x) => x.model_name === decodeURIComponent(rest));
        if (!m) throw new Refusal(404, "There is no such model.");
        if (method === "DELETE") { models = models.filter((x) => x !== m); return [204]; }
        if (method === "PUT") Object.assign(m, body, "prices" in body ? { price_source: body.prices ? "override" : null } : {});
        return [200, m];
      }
      case "routes": {
        if (!rest && method === "GET") return [200, list(routes.map(shownRoute))];
        if (!rest) {
          must(body.model, "model", "is needed");
          must(!routes.some((r) => r.model === body.model), "model", "has a route already");
          const r = { id: next++, ...body };
          routes.push(r);
          return [201, shownRoute(r)];
        }
        const r = find(routes, rest);
        if (method === "DELETE") { routes = routes.filter((x) => x !== r); return [204]; }
        if (method === "PUT") Object.assign(r, body);
        return [200, shownRoute(r)];
      }
      case "client-tokens": {
        if (!rest && method === "GET") return [200, list(tokens)];
        if (!rest) {
          must(body.name, "name", "is needed");
          must(!tokens.some((t) => t.name === body.name), "name", `a token named ${body.name} exists already`);
          const t = { id: next++, masked: "gw-…Qm4z", spent_usd: 0, created_at: iso(Date.now()), last_used_at: null, ...body };
          tokens.push(t);
          return [201, { ...t, token: "gw-mock-3vQ8Zk1cRt7YwLx0Np5HsD2fJb9uGaQm4z" }];
        }
        const t = find(tokens, rest);
        if (method === "DELETE") { tokens = tokens.filter((x) => x !== t); return [204]; }
        if (method === "PUT") {
          must(!(body.rpm < 1) || body.rpm === null || body.rpm === undefined, "rpm", "must be at least 1");
          Object.assign(t, body);
        }
        return [200, t];
      }
    }
    return undefined;
  }

  /** Answers what is its own; false for the rest. */
  pool.handle = async (req, res, url) => {
    let text = "";
    if (!/^\/api\/(keys|providers|models|prices|price-list|routes|client-tokens|presets|validate_keys|stats\/hour|test)(\/|$)/.test(url.pathname) && !(url.pathname === "/api/settings" && req.method === "PUT")) return false;
    try {
      for await (const chunk of req) text += chunk;
    } catch {
      return true; // The page has gone.
    }
    try {
      const got = await answer(req.method, url.pathname, url.searchParams, text ? JSON.parse(text) : {});
      if (!got) return false;
      const [status, value] = got;
      res.writeHead(status, status === 204 ? {} : { "content-type": "application/json" }).end(status === 204 ? undefined : JSON.stringify(value));
    } catch (cause) {
      if (!(cause instanceof Refusal)) throw cause;
      const { status, detail, errors } = cause;
      res.writeHead(status, { "content-type": "application/problem+json" }).end(JSON.stringify({ type: "about:blank", title: "Refused", status, detail, ...(errors.length ? { errors } : {}) }));
    }
    return true;
  };
  return pool;
}
