"""Every error that Glassway itself makes reaches the official SDKs of PyPI as the exception
that the vendor's own would be, with Glassway's code on it."""

import anthropic
import openai
import pytest
from conftest import Glassway

KEY = "sk-python-0123456789abcdef"
MODELS = {"openai": "gpt-4o", "anthropic": "claude-sonnet-5-5"}


class OpenAI:
    name = "openai"
    root = "/v1"
    path = "/api/proxy/openai"
    answer = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": MODELS["openai"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100_000, "completion_tokens": 100_000, "total_tokens": 200_000},
    }
    spent = {"error": {"message": "no money", "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}}

    def ask(self, url, token, model, text="hi", **more):
        client = openai.OpenAI(base_url=url, api_key=token, max_retries=0, timeout=30, **more)
        return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])

    def code(self, raised):
        return raised.code


class Anthropic:
    name = "anthropic"
    root = ""
    path = "/api/proxy/claude"
    answer = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": MODELS["anthropic"],
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 100_000, "output_tokens": 100_000},
    }
    spent = {"type": "error", "error": {"type": "billing_error", "message": "no money"}}

    def ask(self, url, token, model, text="hi", **more):
        client = anthropic.Anthropic(base_url=url, api_key=token, max_retries=0, timeout=30, **more)
        return client.messages.create(model=model, max_tokens=9, messages=[{"role": "user", "content": text}])

    def code(self, raised):
        assert raised.body["type"] == "error"
        assert raised.body["error"]["code"] == raised.error_code
        return raised.error_code


@pytest.fixture(params=[OpenAI, Anthropic], ids=["openai", "anthropic"])
def sdk(request):
    return request.param()


@pytest.fixture
def gateway(tmp_path, upstream):
    """One key for each dialect, and an upstream that must answer within a second."""
    address = upstream.url.removeprefix("http://")
    env = {"GLASSWAY_PROXY__FIRST_BYTE_TIMEOUT": "1s", "GLASSWAY_UPSTREAM__ALLOW": address}
    running = Glassway(tmp_path, upstream, env)
    claude = running.api("/api/providers", {"name": "claude", "kind": "anthropic", "base_url": upstream.url})
    for provider, dialect in [(1, "openai"), (claude["id"], "anthropic")]:
        key = {"provider_id": provider, "name": dialect, "key_value": f"{KEY}-{dialect}", "models": [MODELS[dialect]]}
        running.api("/api/keys", key)
    yield running
    running.stop()


def token(gateway, **limits):
    return gateway.api("/api/client-tokens", {"name": "app", **limits})["token"]



def refused(sdk, gateway, code, status, kinds, *, auth=None, root=None, model=None, **more):
    """Asks, and the SDK must raise this."""
    module = openai if sdk.name == "openai" else anthropic
    url = gateway.url + (sdk.root if root is None else root)
    with pytest.raises(module.APIStatusError) as raised:
        sdk.ask(url, auth or token(gateway), model or MODELS[sdk.name], **more)
    kind = kinds if isinstance(kinds, str) else kinds[sdk.name]
    assert type(raised.value).__name__ == kind, raised.value
    assert raised.value.status_code == status
    assert sdk.code(raised.value) == code
    assert KEY not in str(raised.value.body)
    return raised.value


def test_client_token_invalid(sdk, gateway):
    refused(sdk, gateway, "client_token_invalid", 401, "AuthenticationError", auth="gw-nobody")


def test_credential_conflict(sdk, gateway):
    refused(sdk, gateway, "credential_conflict", 400, "BadRequestError", auth="sk-my-own-0123456789", root=sdk.path)


def test_origin_not_allowed(sdk, gateway):
    headers = {"Origin": "https://evil.example"}
    refused(sdk, gateway, "origin_not_allowed", 403, "PermissionDeniedError", auth="none", default_headers=headers)


def test_unknown_path(sdk, gateway):
    refused(sdk, gateway, "unknown_path", 404, "NotFoundError", root="/nothing")


def test_unknown_provider(sdk, gateway):
    refused(sdk, gateway, "unknown_path", 404, "NotFoundError", root="/api/proxy/nobody")


def test_unknown_model(sdk, gateway):
    raised = refused(sdk, gateway, "unknown_model", 404, "NotFoundError", model="gpt-99")
    assert "gpt-99" in str(raised)


def test_model_not_allowed(sdk, gateway):
    narrow = token(gateway, allowed_models=["other-*"])
    refused(sdk, gateway, "model_not_allowed", 403, "PermissionDeniedError", auth=narrow)


def test_rate_limited(sdk, gateway, upstream):
    slow = token(gateway, rpm=1)
    upstream.json(sdk.answer)
    sdk.ask(gateway.url + sdk.root, slow, MODELS[sdk.name])
    raised = refused(sdk, gateway, "rate_limited", 429, "RateLimitError", auth=slow)
    assert 0 < int(raised.response.headers["retry-after"]) <= 60


def test_budget_exceeded(sdk, gateway, upstream):
    poor = token(gateway, budget_usd=0.0001, budget_period="total")
    upstream.json(sdk.answer)
    sdk.ask(gateway.url + sdk.root, poor, MODELS[sdk.name])
    [exchange] = gateway.recorded(1)
    assert exchange["cost_usd"] > 0.0001
    refused(sdk, gateway, "budget_exceeded", 429, "RateLimitError", auth=poor)


def test_no_usable_key(sdk, gateway, upstream):
    kind = {"openai": "InternalServerError", "anthropic": "ServiceUnavailableError"}
    upstream.json(sdk.spent, 402)
    auth = token(gateway)
    first = refused(sdk, gateway, "no_usable_key", 503, kind, auth=auth)
    again = refused(sdk, gateway, "no_usable_key", 503, kind, auth=auth)
    for raised in (first, again):
        assert f"{sdk.name} exhausted" in str(raised), raised
    assert 3500 < int(again.response.headers["retry-after"]) <= 3600
    assert len(upstream.requests) == 1


def test_body_too_large(sdk, gateway):
    kind = {"openai": "APIStatusError", "anthropic": "ContentTooLargeError"}
    refused(sdk, gateway, "body_too_large", 413, kind, text="x" * (65 << 20))


def test_upstream_connect(sdk, gateway, upstream):
    upstream.shutdown()
    upstream.server_close()
    refused(sdk, gateway, "upstream_connect", 502, "InternalServerError")


def test_upstream_closed(sdk, gateway, upstream):
    upstream.hang_up()
    refused(sdk, gateway, "upstream_closed", 502, "InternalServerError")


def test_upstream_timeout(sdk, gateway):
    kind = {"openai": "InternalServerError", "anthropic": "GatewayTimeoutError"}
    refused(sdk, gateway, "upstream_timeout", 504, kind)


def test_upstream_invalid_response(sdk, gateway, upstream):
    upstream.json({}, 101)
    refused(sdk, gateway, "upstream_invalid_response", 502, "InternalServerError")
