"""The official Anthropic SDK of PyPI works through Glassway as it does without."""

import anthropic
import pytest

KEY = "sk-ant-python-0123456789abcdef"


@pytest.fixture
def client(glassway):
    return anthropic.Anthropic(base_url=glassway.url, api_key=KEY, max_retries=0)


def message(content, stop="end_turn", output=4):
    usage = {"input_tokens": 6, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0, "output_tokens": output}
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5-20260901", "content": content, "stop_reason": stop, "stop_sequence": None, "usage": usage}


def ask(client, **more):
    return client.messages.create(model="claude-sonnet-5-5", max_tokens=100, messages=[{"role": "user", "content": "你好"}], **more)


def test_message(client, upstream, glassway):
    upstream.json(message([{"type": "text", "text": "你好！"}]))
    assert ask(client).content[0].text == "你好！"
    method, path, headers, _ = upstream.requests[0]
    assert (method, path.split("?")[0]) == ("POST", "/v1/messages")
    assert KEY in (headers["x-api-key"] or headers["authorization"])
    assert headers["anthropic-version"]
    [exchange] = glassway.recorded(1)
    assert exchange["outcome"] == "ok"
    assert exchange["model"] == "claude-sonnet-5-5"
    assert exchange["usage"]["prompt_tokens"] == 11
    assert exchange["usage"]["cached_tokens"] == 5
    assert KEY not in str(exchange)


def stream_of(upstream, block, deltas, stop):
    upstream.events(
        [
            {"type": "message_start", "message": message([], None, 1)},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "ping"},
            *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        ],
        named=True,
    )


def test_stream(client, upstream, glassway):
    words = ["Hel", "lo ", "狐狸"]
    stream_of(upstream, {"type": "text", "text": ""}, [{"type": "text_delta", "text": w} for w in words], "end_turn")
    with client.messages.stream(model="claude-sonnet-5-5", max_tokens=100, messages=[{"role": "user", "content": "hi"}]) as stream:
        assert list(stream.text_stream) == words
        assert stream.get_final_message().usage.output_tokens == 9
    [exchange] = glassway.recorded(1)
    assert exchange["stream"] is True
    assert exchange["usage"]["completion_tokens"] == 9
    assert exchange["events"][0]["event"] == "message_start"
    assert exchange["events"][-1]["event"] == "message_stop"


def test_tool_stream(client, upstream):
    block = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}
    deltas = [{"type": "input_json_delta", "partial_json": part} for part in ['{"city":', '"Lisbon"}']]
    stream_of(upstream, block, deltas, "tool_use")
    tool = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
    with client.messages.stream(model="claude-sonnet-5-5", max_tokens=100, messages=[{"role": "user", "content": "?"}], tools=[tool]) as stream:
        final = stream.get_final_message()
    assert final.content[0].input == {"city": "Lisbon"}
    assert final.stop_reason == "tool_use"


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.InternalServerError, "overloaded_error"),
    ],
)
def test_errors_keep_their_kind(client, upstream, status, error, kind):
    upstream.json({"type": "error", "error": {"type": kind, "message": "no"}}, status, [("request-id", "req_42")])
    with pytest.raises(error) as raised:
        ask(client)
    assert raised.value.status_code == status
    assert raised.value.body["error"]["type"] == kind
    assert raised.value.request_id == "req_42"


def test_an_unreachable_upstream_has_the_dialects_shape(client, upstream):
    upstream.shutdown()
    upstream.server_close()
    with pytest.raises(anthropic.InternalServerError) as raised:
        ask(client)
    assert raised.value.status_code == 502
    assert raised.value.body["type"] == "error"
    assert raised.value.body["error"]["type"] == "api_error"
