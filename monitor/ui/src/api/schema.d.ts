// The API as this UI uses it, in the shape openapi-typescript writes. `npm run api` replaces this
// file with the one generated from monitor/openapi.json.

export interface components {
  schemas: {
    ErrorInfo: { code: string; message: string };
    Usage: {
      prompt_tokens?: number | null;
      completion_tokens?: number | null;
      cached_tokens?: number | null;
      reasoning_tokens?: number | null;
      source?: string;
    };
    Live: { text_tail?: string; tokens?: number; tokens_per_s?: number | null; last_token_ms?: number | null };
    Exchange: {
      id: string;
      started_at: string;
      method: string;
      path: string;
      origin: string;
      mode: string;
      client_ip?: string | null;
      client_token?: string | null;
      provider?: string | null;
      key?: string | null;
      model?: string | null;
      upstream_model?: string | null;
      status?: number | null;
      outcome: string;
      error?: components["schemas"]["ErrorInfo"] | null;
      stream?: boolean | null;
      duration_ms?: number | null;
      ttfb_ms?: number | null;
      first_token_ms?: number | null;
      request_bytes?: number | null;
      response_bytes?: number | null;
      usage?: components["schemas"]["Usage"] | null;
      cost_usd?: number | null;
      attempts?: number;
      warnings?: string[];
      pinned?: boolean;
      note?: string | null;
      live?: components["schemas"]["Live"] | null;
    };
    ExchangeList: { items: components["schemas"]["Exchange"][]; next?: string | null; total?: number | null };
    Side: {
      headers: string[][];
      trailers?: string[][];
      body?: string | null;
      body_encoding?: string;
      content_encoding?: string | null;
      decoded?: boolean;
      truncated?: boolean;
      shed?: boolean;
      body_bytes?: number | null;
    };
    Try: {
      n: number;
      provider?: string | null;
      key?: string | null;
      reason?: string | null;
      url?: string | null;
      status?: number | null;
      error?: components["schemas"]["ErrorInfo"] | null;
      start_ms?: number | null;
      connect_ms?: number | null;
      reused?: boolean;
      ttfb_ms?: number | null;
      duration_ms?: number | null;
    };
    SseEvent: { offset_ms: number; data: string; event?: string | null; bytes?: number | null };
    WsMessage: { offset_ms: number; side: string; kind: string; data: string; encoding?: string };
    Timings: {
      connect_ms?: number | null;
      request_sent_ms?: number | null;
      ttfb_ms?: number | null;
      first_token_ms?: number | null;
      duration_ms?: number | null;
    };
    ExchangeDetail: components["schemas"]["Exchange"] & {
      http_version?: string | null;
      target?: string | null;
      upstream_url?: string | null;
      timings?: components["schemas"]["Timings"] | null;
      request?: components["schemas"]["Side"] | null;
      response?: components["schemas"]["Side"] | null;
      tries?: components["schemas"]["Try"][];
      events?: components["schemas"]["SseEvent"][];
      events_total?: number;
      messages?: components["schemas"]["WsMessage"][];
      messages_total?: number;
      curl?: string | null;
    };
    Spread: { avg?: number | null; p50?: number | null; p95?: number | null };
    Calls: { "1m": number; "1h": number; "24h": number; all: number };
    Lost: { bodies_shed: number; records_lost: number };
    Stats: {
      success_rate?: number | null;
      duration_ms: components["schemas"]["Spread"];
      ttfb_ms?: components["schemas"]["Spread"];
      calls: components["schemas"]["Calls"];
      lost: components["schemas"]["Lost"];
      in_flight?: number;
    };
    Instance: { version: string; proxy_listen: string; monitor_listen?: string };
    Settings: { strategy?: string; max_attempts?: number; instance: components["schemas"]["Instance"] };
    Token: { access_token: string; token_type: string; expires_in: number };
    Session: { signed_in: boolean; expires_at?: string };
    Problem: { title?: string; status: number; detail?: string };
  };
}

interface Json<T> { content: { "application/json": T } }
interface Problems { 401: { content: { "application/problem+json": components["schemas"]["Problem"] } } }

export interface paths {
  "/api/requests": {
    get: { parameters: { query?: Record<string, string> }; responses: { 200: Json<components["schemas"]["ExchangeList"]> } & Problems };
  };
  "/api/request/{id}": {
    get: {
      parameters: { path: { id: string }; query?: { events?: string } };
      responses: { 200: Json<components["schemas"]["ExchangeDetail"]> } & Problems;
    };
  };
  "/api/stats": { get: { responses: { 200: Json<components["schemas"]["Stats"]> } & Problems } };
  "/api/settings": { get: { responses: { 200: Json<components["schemas"]["Settings"]> } & Problems } };
  "/api/session": {
    get: { responses: { 200: Json<components["schemas"]["Session"]> } & Problems };
    delete: { responses: { 204: { content: never } } & Problems };
  };
  "/token": {
    post: { requestBody: Json<{ api_key: string }>; responses: { 200: Json<components["schemas"]["Token"]> } & Problems };
  };
}
