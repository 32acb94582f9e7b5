"""The official OpenAI SDK of PyPI works through Glassway as it does without."""

import openai
import pytest

KEY = "sk-python-0123456789abcdef"
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


@pytest.fixture
def client(glassway):
    return openai.OpenAI(base_url=f"{glassway.url}/v1", api_key=KEY, max_retries=0)


def completion(message, finish="stop"):
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": USAGE,
    }


def chunk(delta, finish=None, usage=None):
    choices = [] if usage else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o-2024-08-06",
        "choices": choices,
        "usage": usage,
    }


TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def test_chat(client, upstream, glassway):
    upstream.json(completion({"role": "assistant", "content": "你好！", "refusal": None}))
    answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "打个招呼"}])
    assert answer.choices[0].message.content == "你好！"
    assert answer.usage.total_tokens == 13

    method, path, headers, _ = upstream.requests[0]
    assert (method, path) == ("POST", "/v1/chat/completions")
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["user-agent"].startswith("OpenAI/Python")
    [exchange] = glassway.recorded(1)
    assert (exchange["outcome"], exchange["model"], exchange["stream"]) == ("ok", "gpt-4o", False)
    assert exchange["usage"]["prompt_tokens"] == 9
    assert "打个招呼" in exchange["request"]["body"]
    assert KEY not in str(exchange)


def test_stream(client, upstream, glassway):
    words = ["Hel", "lo", " 狐", "狸"]
    upstream.events(
        [chunk({"role": "assistant", "content": ""})]
        + [chunk({"content": word}) for word in words]
        + [chunk({}, "stop"), chunk({}, usage=USAGE), "[DONE]"]
    )
    got = []
    with client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": "hi"}],
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        for part in stream:
            got += [choice.delta.content for choice in part.choices if choice.delta.content]
    assert got == words
    [exchange] = glassway.recorded(1)
    assert exchange["stream"] is True
    usage = exchange["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["source"]) == (9, 4, "upstream")
    assert exchange["events"][-1]["data"] == "[DONE]"
    assert len(exchange["events"]) == 8


def test_tools(client, upstream, glassway):
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Lisbon"}'}}
    upstream.json(completion({"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"))
    upstream.json(completion({"role": "assistant", "content": "Sunny."}))
    messages = [{"role": "user", "content": "Weather in Lisbon?"}]
    first = client.chat.completions.create(model="gpt-4o", messages=messages, tools=[TOOL])
    assert first.choices[0].message.tool_calls[0].function.name == "get_weather"
    messages += [first.choices[0].message, {"role": "tool", "tool_call_id": "call_1", "content": "21 C"}]
    second = client.chat.completions.create(model="gpt-4o", messages=messages, tools=[TOOL])
    assert second.choices[0].message.content == "Sunny."
    assert [e["outcome"] for e in glassway.recorded(2)] == ["ok", "ok"]


def test_tool_stream(client, upstream):
    deltas = [
        {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"Lisbon"}'}}]},
    ]
    upstream.events([chunk(delta) for delta in deltas] + [chunk({}, "tool_calls"), "[DONE]"])
    with client.chat.completions.stream(
        model="gpt-4o", messages=[{"role": "user", "content": "?"}], tools=[{**TOOL, "function": {**TOOL["function"], "strict": True}}]
    ) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.arguments == '{"city":"Lisbon"}'


def test_embeddings_and_models(client, upstream, glassway):
    upstream.json({"object": "list", "model": "e", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.5]}], "usage": {"prompt_tokens": 2, "total_tokens": 2}})
    upstream.json({"object": "list", "data": [{"id": "gpt-4o", "object": "model", "created": 1, "owned_by": "x"}]})
    vector = client.embeddings.create(model="text-embedding-3-small", input="狐狸", encoding_format="float")
    assert vector.data[0].embedding == [0.5, -0.5]
    assert [m.id for m in client.models.list()] == ["gpt-4o"]
    embeddings, models = glassway.recorded(2)
    assert embeddings["usage"]["prompt_tokens"] == 2
    assert models["method"] == "GET"


def test_responses(client, upstream, glassway):
    text = {"type": "output_text", "text": "Hello", "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    usage = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9, "input_tokens_details": {"cached_tokens": 3}, "output_tokens_details": {"reasoning_tokens": 1}}
    whole = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5.2", "output": [item], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": usage}
    upstream.json(whole)
    upstream.events(
        [
            {"type": "response.created", "sequence_number": 0, "response": {**whole, "status": "in_progress", "output": [], "usage": None}},
            {"type": "response.output_text.delta", "sequence_number": 1, "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "Hello", "logprobs": []},
            {"type": "response.completed", "sequence_number": 2, "response": whole},
        ],
        named=True,
    )
    assert client.responses.create(model="gpt-5.2", input="hi").output_text == "Hello"
    deltas = [e.delta for e in client.responses.create(model="gpt-5.2", input="hi", stream=True) if e.type == "response.output_text.delta"]
    assert deltas == ["Hello"]
    for exchange in glassway.recorded(2):
        assert exchange["usage"]["prompt_tokens"] == 7
        assert exchange["usage"]["reasoning_tokens"] == 1


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (400, openai.BadRequestError, "invalid_value"),
        (401, openai.AuthenticationError, "invalid_api_key"),
        (403, openai.PermissionDeniedError, "country_not_supported"),
        (404, openai.NotFoundError, "model_not_found"),
        (429, openai.RateLimitError, "rate_limit_exceeded"),
        (500, openai.InternalServerError, "server_error"),
    ],
)
def test_errors_keep_their_kind(client, upstream, glassway, status, error, code):
    upstream.json(
        {"error": {"message": "no", "type": "x", "param": None, "code": code}}, status, [("x-request-id", "req_42")]
    )
    with pytest.raises(error) as raised:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert raised.value.code == code
    assert raised.value.request_id == "req_42"
    [exchange] = glassway.recorded(1)
    assert exchange["outcome"] == ("upstream_error" if status >= 500 else "client_error")


def test_the_sdk_retries_as_it_is_told(glassway, upstream):
    upstream.json({"error": {"message": "slow down"}}, 429, [("retry-after-ms", "5")])
    upstream.json({"error": {"message": "oops"}}, 500, [("retry-after-ms", "5")])
    upstream.json(completion({"role": "assistant", "content": "third time"}))
    client = openai.OpenAI(base_url=f"{glassway.url}/v1", api_key=KEY, max_retries=2)
    answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert answer.choices[0].message.content == "third time"
    assert [e["status"] for e in glassway.recorded(3)] == [429, 500, 200]


def test_an_unreachable_upstream_is_an_error_with_a_code(glassway, upstream, client):
    upstream.shutdown()
    upstream.server_close()
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
    assert raised.value.status_code == 502
    assert raised.value.code in ("upstream_connect", "upstream_closed")


def test_leaving_a_stream_early_is_recorded(client, upstream, glassway):
    upstream.events([chunk({"content": "x" * 1000}) for _ in range(20_000)] + ["[DONE]"])
    stream = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}], stream=True)
    next(iter(stream))
    stream.close()
    client.close()
    [exchange] = glassway.recorded(1)
    assert exchange["outcome"] == "client_closed"
