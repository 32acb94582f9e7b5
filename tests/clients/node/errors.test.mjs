// Every error that Glassway itself makes reaches the official SDKs of npm as the
// exception that the vendor's own would be, with Glassway's code on it.

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Glassway, Upstream, json } from "./glassway.mjs";

const KEY = "sk-node-0123456789abcdef";

const dialects = {
  openai: {
    sdk: OpenAI,
    model: "gpt-4o",
    root: "/v1",
    path: "/api/proxy/openai",
    code: (error) => error.code,
    ask: (client, model, text) => client.chat.completions.create({ model, messages: [{ role: "user", content: text }] }),
    answer: {
      id: "c",
      object: "chat.completion",
      created: 1,
      model: "gpt-4o",
      choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 100_000, completion_tokens: 100_000, total_tokens: 200_000 },
    },
    spent: { error: { message: "no", type: "insufficient_quota", param: null, code: "insufficient_quota" } },
    kinds: { 413: "APIError", 503: "InternalServerError", 504: "InternalServerError" },
  },
  anthropic: {
    sdk: Anthropic,
    model: "claude-sonnet-5-5",
    root: "",
    path: "/api/proxy/claude",
    code(error) {
      assert.equal(error.error.type, "error");
      assert.equal(error.error.error.code, error.errorCode);
      return error.errorCode;
    },
    ask: (client, model, text) =>
      client.messages.create({ model, max_tokens: 9, messages: [{ role: "user", content: text }] }),
    answer: {
      id: "m",
      type: "message",
      role: "assistant",
      model: "claude-sonnet-5-5",
      content: [{ type: "text", text: "hi" }],
      stop_reason: "end_turn",
      usage: { input_tokens: 100_000, output_tokens: 100_000 },
    },
    spent: { type: "error", error: { type: "billing_error", message: "no" } },
    kinds: { 413: "ContentTooLargeError", 503: "ServiceUnavailableError", 504: "GatewayTimeoutError" },
  },
};

const kinds = {
  400: "BadRequestError",
  401: "AuthenticationError",
  403: "PermissionDeniedError",
  404: "NotFoundError",
  429: "RateLimitError",
  502: "InternalServerError",
};

let upstream, glassway, answer;

beforeEach(async () => {
  upstream = await Upstream.start((request, response) => answer(request, response));
  const env = {
    GLASSWAY_PROXY__FIRST_BYTE_TIMEOUT: "1s",
    GLASSWAY_UPSTREAM__ALLOW: new URL(upstream.url).host,
  };
  glassway = await Glassway.start(upstream, { env });
  const claude = await glassway.api("/api/providers", { name: "claude", kind: "anthropic", base_url: upstream.url });
  for (const [provider_id, name] of [[1, "openai"], [claude.id, "anthropic"]]) {
    await glassway.api("/api/keys", { provider_id, name, key_value: `${KEY}-${name}`, models: [dialects[name].model] });
  }
});

afterEach(async () => {
  await glassway.stop();
  upstream.stop();
});

const token = async (limits) => (await glassway.api("/api/client-tokens", { name: "app", ...limits })).token;

for (const [name, dialect] of Object.entries(dialects)) {
  const ask = async ({ auth, root = dialect.root, model = dialect.model, text = "hi", headers } = {}) => {
    const baseURL = glassway.url + root;
    const client = new dialect.sdk({ baseURL, apiKey: auth ?? (await token()), maxRetries: 0, defaultHeaders: headers });
    return dialect.ask(client, model, text);
  };
  const refused = async (code, status, how) => {
    const error = await ask(how).then(() => assert.fail(`no ${code}`), (error) => error);
    assert.ok(error instanceof dialect.sdk.APIError, error);
    assert.equal(error.constructor.name, dialect.kinds[status] ?? kinds[status]);
    assert.equal(error.status, status);
    assert.equal(dialect.code(error), code);
    assert.ok(!JSON.stringify(error.error).includes(KEY));
    return error;
  };

  describe(`Glassway's errors in the ${name} SDK`, () => {
    it("client_token_invalid", () => refused("client_token_invalid", 401, { auth: "gw-nobody" }));
    it("credential_conflict", () => refused("credential_conflict", 400, { auth: "sk-my-own", root: dialect.path }));
    it("origin_not_allowed", () =>
      refused("origin_not_allowed", 403, { auth: "none", headers: { origin: "https://evil.example" } }));
    it("unknown_path", () => refused("unknown_path", 404, { root: "/nothing" }));
    it("unknown_model", () => refused("unknown_model", 404, { model: "gpt-99" }));
    it("body_too_large", () => refused("body_too_large", 413, { text: "x".repeat(65 << 20) }));

    it("model_not_allowed", async () => {
      await refused("model_not_allowed", 403, { auth: await token({ allowed_models: ["other-*"] }) });
    });

    it("rate_limited", async () => {
      answer = (_, response) => json(response, dialect.answer);
      const auth = await token({ rpm: 1 });
      await ask({ auth });
      const error = await refused("rate_limited", 429, { auth });
      assert.ok(Number(error.headers.get("retry-after")) > 0);
    });

    it("budget_exceeded", async () => {
      answer = (_, response) => json(response, dialect.answer);
      const auth = await token({ budget_usd: 0.0001, budget_period: "total" });
      await ask({ auth });
      await glassway.recorded(1);
      await refused("budget_exceeded", 429, { auth });
    });

    it("no_usable_key", async () => {
      answer = (_, response) => json(response, dialect.spent, 402);
      const error = await refused("no_usable_key", 503);
      assert.match(error.message, new RegExp(`${name} exhausted`));
    });

    it("upstream_connect", async () => {
      upstream.stop();
      await refused("upstream_connect", 502);
    });

    it("upstream_closed", async () => {
      answer = (_, response) => response.destroy();
      await refused("upstream_closed", 502);
    });

    it("upstream_timeout", async () => {
      answer = () => {};
      await refused("upstream_timeout", 504);
    });
  });
}
