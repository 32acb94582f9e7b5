// What the managed pages ask of the API, one function per question, in the generated types. Lists
// are asked for whole: pages sort, filter and count them as the feed changes them.

import { api, got } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Key = Schemas["Key"];
export type KeyStatus = Schemas["KeyStatus"];
/** What can be written of a key. `key_value` goes in and never comes out. */
export type KeyInput = Schemas["KeyInput"];
export type Provider = Schemas["Provider"];
export type ProviderInput = Schemas["ProviderInput"];
export type Kind = Schemas["ProviderKind"];
export type Health = Schemas["ProviderHealth"]["status"];
export type Preset = Schemas["Preset"];
export type Model = Schemas["Model"];
export type ModelInput = Schemas["ModelInput"];
export type Prices = Schemas["TokenPrices"];
export type ModelPrice = Schemas["ModelPrice"];
export type PriceList = Schemas["PriceList"];
export type PriceInput = Schemas["PriceInput"];
export type Capability = Schemas["ProviderCapability"];
export type Route = Schemas["Route"];
export type RouteInput = Schemas["RouteInput"];
export type Candidate = Schemas["Candidate"];
export type ClientToken = Schemas["ClientToken"];
export type TokenInput = Schemas["ClientTokenInput"];
export type Period = Schemas["BudgetPeriod"];
export type Trace = Schemas["Trace"];
export type TraceHit = Schemas["TraceHit"];
export type TraceInput = Schemas["TraceInput"];
export type TraceReach = Schemas["TraceReach"];
export type TraceStatus = Schemas["TraceStatus"];
export type TraceComparison = Schemas["TraceComparison"];
export type Observation = Schemas["Observation"];
export type SettingsInput = Schemas["SettingsChange"];
export type Strategy = Schemas["Strategy"];

export const STRATEGIES = ["round_robin", "random", "least_used", "least_busy", "smart", "affinity"] as const satisfies readonly Strategy[];

interface Page<T> { items: T[]; next: string | null }

/** The most a page may hold (contract). */
const MOST = 1000;

/** All of a list, page after page. */
async function all<T>(ask: (page: { limit: number; cursor?: string }) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await ask({ limit: MOST, ...(cursor ? { cursor } : {}) });
    items.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor);
  return items;
}

const of = <T>(path: T) => ({ params: { path } });

export const keysApi = {
  all: () => all((query) => got(api.GET("/api/keys", { params: { query } }))),
  one: (id: number): Promise<Key> => got(api.GET("/api/keys/{id}", of({ id }))),
  add: (body: KeyInput) => got(api.POST("/api/keys", { body })),
  bulk: (provider_id: number, text: string) => got(api.POST("/api/keys/bulk", { body: { provider_id, text } })),
  change: (id: number, body: KeyInput) => got(api.PUT("/api/keys/{id}", { ...of({ id }), body })),
  remove: (id: number) => got(api.DELETE("/api/keys/{id}", of({ id }))),
  turn: (id: number, status: "active" | "inactive") => got(api.PUT("/api/keys/{id}/status", { ...of({ id }), body: { status } })),
  test: (id: number) => got(api.POST("/api/keys/{id}/test", of({ id }))),
  reset: () => got(api.POST("/api/keys/reset")),
  validate: () => got(api.POST("/api/validate_keys")),
};

export const providersApi = {
  all: () => all((query) => got(api.GET("/api/providers", { params: { query } }))),
  add: (body: ProviderInput) => got(api.POST("/api/providers", { body })),
  change: (id: number, body: ProviderInput) => got(api.PUT("/api/providers/{id}", { ...of({ id }), body })),
  remove: (id: number) => got(api.DELETE("/api/providers/{id}", of({ id }))),
  capabilities: () => got(api.GET("/api/providers/capabilities")),
  presets: async () => (await got(api.GET("/api/presets"))).items,
};

export const pricesApi = {
  all: () => all((query) => got(api.GET("/api/prices", { params: { query } }))),
  /** Which list counts. */
  list: (): Promise<PriceList> => got(api.GET("/api/price-list")),
  /** Puts another list in its place: litellm's JSON, as it stands in its file. */
  bring: (json: string, date: string): Promise<PriceList> =>
    got(api.PUT("/api/price-list", { params: { query: { date } }, body: json, bodySerializer: (text: unknown) => text as string, headers: { "content-type": "application/json" } })),
  drop: (): Promise<PriceList> => got(api.DELETE("/api/price-list")),
  set: (model: string, body: PriceInput) => got(api.PUT("/api/prices/{model}", { ...of({ model }), body })),
  reset: (model: string) => got(api.DELETE("/api/prices/{model}", of({ model }))),
};

export const modelsApi = {
  /** With `refresh`, the providers are asked first, once. */
  all: (refresh = false) => {
    let first = refresh;
    return all((page) => {
      const query = first ? { ...page, refresh: true } : page;
      first = false;
      return got(api.GET("/api/models", { params: { query } }));
    });
  },
  add: (body: ModelInput) => got(api.POST("/api/models", { body })),
  change: (name: string, body: ModelInput) => got(api.PUT("/api/models/{name}", { ...of({ name }), body })),
  remove: (name: string) => got(api.DELETE("/api/models/{name}", of({ name }))),
  test: (model: string) => got(api.POST("/api/test/model", { body: { model, provider: null } })),
};

export const routesApi = {
  all: () => all((query) => got(api.GET("/api/routes", { params: { query } }))),
  add: (body: RouteInput) => got(api.POST("/api/routes", { body })),
  change: (id: number, body: RouteInput) => got(api.PUT("/api/routes/{id}", { ...of({ id }), body })),
  remove: (id: number) => got(api.DELETE("/api/routes/{id}", of({ id }))),
};

export const tokensApi = {
  all: () => all((query) => got(api.GET("/api/client-tokens", { params: { query } }))),
  add: (body: TokenInput) => got(api.POST("/api/client-tokens", { body })),
  change: (id: number, body: TokenInput) => got(api.PUT("/api/client-tokens/{id}", { ...of({ id }), body })),
  remove: (id: number) => got(api.DELETE("/api/client-tokens/{id}", of({ id }))),
};

export const tracesApi = {
  /** The newest that match, and how many there are. */
  async list(q: string, most: number) {
    const items: Trace[] = [];
    let total = 0;
    for (let cursor: string | undefined; items.length < most; ) {
      const query = { limit: Math.min(MOST, most - items.length), ...(q ? { q } : {}), ...(cursor ? { cursor } : {}) };
      const page = await got(api.GET("/api/traces", { params: { query } }));
      items.push(...page.items);
      total = page.total;
      cursor = page.next ?? undefined;
      if (!cursor) break;
    }
    return { items, total };
  },
  one: (id: number) => got(api.GET("/api/traces/{id}", of({ id }))),
  begin: (body: TraceInput) => got(api.POST("/api/traces", { body })),
  remove: (ids: number[]) => got(api.DELETE("/api/traces", { params: { query: { ids: ids.join(",") } } })),
  compare: (query: { ids?: string; series?: number }) => got(api.GET("/api/traces/compare", { params: { query } })),
  names: async (id: number) => (await got(api.POST("/api/traces/{id}/names", of({ id })))).names,
  reach: () => got(api.GET("/api/traces/reach")),
};

export const settingsApi = {
  change: (body: SettingsInput) => got(api.PUT("/api/settings", { body })),
};
