// What the managed pages ask of the API, one function per question. The shapes are the contract's;
// pages know these names only, so that the generated schema can take their place here.

import { base, Failure, heard } from "./client";

export type KeyStatus = "active" | "inactive" | "cooling" | "exhausted" | "invalid";

export interface Key {
  id: number;
  provider_id: number;
  name: string;
  masked: string;
  status: KeyStatus;
  status_reason: string | null;
  status_until: string | null;
  models: string[];
  weight: number;
  priority: number;
  price_per_call_usd: number | null;
  quota_usd: number | null;
  spent_usd: number;
  remaining_usd: number | null;
  total_requests: number;
  last_used_at: string | null;
  created_at: string;
}

/** What can be written of a key. `key_value` goes in and never comes out. */
export interface KeyInput {
  provider_id: number;
  name: string;
  key_value: string;
  models: string[];
  weight: number;
  priority: number;
  price_per_call_usd: number | null;
  quota_usd: number | null;
}

export interface BulkAnswer {
  added: Key[];
  duplicates: number;
  rejected: { line: number; reason: string }[];
}

export interface TestAnswer {
  ok: boolean;
  status: KeyStatus;
  latency_ms: number | null;
  models: string[];
  error: string | null;
}

export interface Validation {
  key_id: number;
  status_before: KeyStatus;
  status_after: KeyStatus;
  ok: boolean;
  error: string | null;
}

export type Kind = "openai" | "anthropic" | "azure";
export type Health = "ok" | "cooling" | "open";

export interface Provider {
  id: number;
  name: string;
  kind: Kind;
  base_url: string;
  enabled: boolean;
  priority: number;
  notes: string;
  price_multiplier: number;
  api_version: string | null;
  deployments: Record<string, string>;
  built_in: boolean;
  origin: string;
  health: { status: Health; status_reason: string | null; status_until: string | null };
  keys: Partial<Record<KeyStatus, number>>;
  preset: string | null;
  created_at: string;
  /** What a change has led to. */
  warnings?: string[];
}

export interface ProviderInput {
  name: string;
  kind: Kind;
  base_url: string;
  enabled: boolean;
  priority: number;
  notes: string;
  price_multiplier: number;
  api_version: string | null;
  deployments: Record<string, string>;
  preset: string | null;
}

export interface Preset {
  name: string;
  label: string;
  kind: Kind;
  base_url: string;
  docs_url: string | null;
  key_hint: string | null;
  models: string[];
  api_version?: string | null;
}

export interface Prices {
  input: number | null;
  output: number | null;
  cache_read: number | null;
  cache_write: number | null;
}

export interface Model {
  model_name: string;
  description: string;
  capabilities: Record<string, unknown>;
  prices: Prices | null;
  price_source: "list" | "override" | null;
  providers: string[];
  source: "fetched" | "added" | "both";
  keys: number;
}

export interface ModelInput {
  model_name: string;
  description: string;
  capabilities: Record<string, unknown>;
  prices: Prices | null;
}

export const STRATEGIES = ["round_robin", "random", "least_used", "least_busy", "smart", "affinity"] as const;
export type Strategy = (typeof STRATEGIES)[number];

export interface Candidate {
  provider_id: number;
  provider?: string;
  upstream_model: string | null;
  priority: number;
  weight: number;
}

export interface Route {
  id: number;
  model: string;
  candidates: Candidate[];
  strategy: Strategy | null;
}

export interface RouteInput {
  model: string;
  candidates: { provider_id: number; upstream_model: string | null; priority: number; weight: number }[];
  strategy: Strategy | null;
}

export type Period = "day" | "month" | "total";

export interface ClientToken {
  id: number;
  name: string;
  masked: string;
  enabled: boolean;
  budget_usd: number | null;
  budget_period: Period;
  spent_usd: number;
  rpm: number | null;
  tpm: number | null;
  allowed_models: string[];
  expires_at: string | null;
  created_at: string;
  last_used_at: string | null;
}

export interface TokenInput {
  name: string;
  enabled: boolean;
  budget_usd: number | null;
  budget_period: Period;
  rpm: number | null;
  tpm: number | null;
  allowed_models: string[];
  expires_at: string | null;
}

export interface SettingsInput {
  strategy: Strategy;
  max_attempts: number;
  cooldown_s: number;
  breaker_failures: number;
  breaker_window_s: number;
  breaker_open_s: number;
  request_deadline_s: number;
}

interface Page<T> { items: T[]; next: string | null; total: number | null }

type Query = Record<string, string | number | boolean | undefined>;

async function send<T>(method: string, path: string, { query, body, signal }: { query?: Query; body?: unknown; signal?: AbortSignal } = {}): Promise<T> {
  const asked = new URLSearchParams(Object.entries(query ?? {}).flatMap(([k, v]) => (v === undefined ? [] : [[k, String(v)]])));
  let response: Response;
  try {
    response = await fetch(`${base}${path}${asked.size ? `?${asked}` : ""}`, {
      method, credentials: "same-origin",
      ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new Failure(0, null, null);
  }
  heard(response);
  const said: unknown = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw Failure.from(response, said);
  return said as T;
}

/** All of a list, page after page. */
async function all<T>(path: string, query: Query = {}): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<T> = await send("GET", path, { query: { ...query, limit: 1000, cursor } });
    items.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor);
  return items;
}

const name = encodeURIComponent;

export const keysApi = {
  all: () => all<Key>("/api/keys"),
  one: (id: number) => send<Key>("GET", `/api/keys/${id}`),
  add: (input: KeyInput) => send<Key>("POST", "/api/keys", { body: input }),
  bulk: (provider_id: number, text: string) => send<BulkAnswer>("POST", "/api/keys/bulk", { body: { provider_id, text } }),
  change: (id: number, input: Partial<KeyInput>) => send<Key>("PUT", `/api/keys/${id}`, { body: input }),
  remove: (id: number) => send<null>("DELETE", `/api/keys/${id}`),
  turn: (id: number, status: "active" | "inactive") => send<Key>("PUT", `/api/keys/${id}/status`, { body: { status } }),
  test: (id: number) => send<TestAnswer>("POST", `/api/keys/${id}/test`),
  reset: () => send<{ reset: number }>("POST", "/api/keys/reset"),
  validate: () => send<Validation[]>("POST", "/api/validate_keys"),
};

export const providersApi = {
  all: () => all<Provider>("/api/providers"),
  add: (input: ProviderInput) => send<Provider>("POST", "/api/providers", { body: input }),
  change: (id: number, input: Partial<ProviderInput>) => send<Provider>("PUT", `/api/providers/${id}`, { body: input }),
  remove: (id: number) => send<null>("DELETE", `/api/providers/${id}`),
  presets: async () => (await send<{ items: Preset[] }>("GET", "/api/presets")).items,
};

export const modelsApi = {
  all: (refresh = false) => all<Model>("/api/models", refresh ? { refresh: true } : {}),
  add: (input: ModelInput) => send<Model>("POST", "/api/models", { body: input }),
  change: (model: string, input: Partial<ModelInput>) => send<Model>("PUT", `/api/models/${name(model)}`, { body: input }),
  remove: (model: string) => send<null>("DELETE", `/api/models/${name(model)}`),
};

export const routesApi = {
  all: () => all<Route>("/api/routes"),
  add: (input: RouteInput) => send<Route>("POST", "/api/routes", { body: input }),
  change: (id: number, input: Partial<RouteInput>) => send<Route>("PUT", `/api/routes/${id}`, { body: input }),
  remove: (id: number) => send<null>("DELETE", `/api/routes/${id}`),
};

export const tokensApi = {
  all: () => all<ClientToken>("/api/client-tokens"),
  add: (input: TokenInput) => send<ClientToken & { token: string }>("POST", "/api/client-tokens", { body: input }),
  change: (id: number, input: Partial<TokenInput>) => send<ClientToken>("PUT", `/api/client-tokens/${id}`, { body: input }),
  remove: (id: number) => send<null>("DELETE", `/api/client-tokens/${id}`),
};

export const settingsApi = {
  change: (input: Partial<SettingsInput>) => send<unknown>("PUT", "/api/settings", { body: input }),
};
