"""The official Anthropic SDK of PyPI is served by OpenAI and Azure as by Anthropic."""

import anthropic
import pytest

MODELS = ["gpt-4o", "gpt-5.2", "deepseek-reasoner", "azure-older", "azure-newer", "claude-sonnet-4-5"]
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "cache_control": {"type": "ephemeral"},
}
CLOCK = {"name": "clock", "input_schema": {"type": "object", "properties": {}}}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def client(managed):
    return anthropic.Anthropic(base_url=managed.url, api_key=managed.token, max_retries=0, timeout=30)


@pytest.fixture(params=MODELS)
def model(request):
    return request.param


def user(text):
    return {"role": "user", "content": text}


def test_message(client, managed, model):
    raw = client.messages.with_raw_response.create(
        model=model,
        max_tokens=2000,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[user([{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}])],
        stop_sequences=["END"],
        metadata={"user_id": "u-1"},
    )
    message = raw.parse()
    assert (message.type, message.role, message.stop_reason) == ("message", "assistant", "end_turn")
    assert len(message.content[-1].text) > 50
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0
    assert raw.headers["request-id"]
    [exchange] = managed.seen()
    assert (exchange["outcome"], exchange["model"]) == ("ok", model)
    usage = message.usage
    assert exchange["usage"]["prompt_tokens"] == usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)


def test_stream(client, managed, model):
    with client.messages.stream(model=model, max_tokens=2000, messages=[user("Explain backpressure")]) as stream:
        events = [event.type for event in stream]
        final = stream.get_final_message()
    assert events[0] == "message_start"
    assert events[-1] == "message_stop"
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 10
    assert len(final.content[-1].text) > 100
    with client.messages.stream(model=model, max_tokens=2000, messages=[user("Explain backpressure")]) as stream:
        assert "".join(stream.text_stream) == final.content[-1].text
    [exchange, _] = managed.seen(2)
    assert exchange["usage"]["completion_tokens"] == final.usage.output_tokens
    assert exchange["usage"]["source"] == "upstream"


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
def test_parallel_tools_there_and_back(client, managed, model, streaming):
    messages = [user("Weather in Lisbon and the time?")]
    call = dict(model=model, max_tokens=2000, tools=[WEATHER, CLOCK], messages=messages)
    if streaming:
        with client.messages.stream(**call) as stream:
            first = stream.get_final_message()
    else:
        first = client.messages.create(**call)
    assert first.stop_reason == "tool_use"
    uses = [block for block in first.content if block.type == "tool_use"]
    assert [use.name for use in uses] == ["get_weather", "clock"]
    assert uses[0].input["city"] == "Lisbon"
    assert uses[1].input == {}
    messages.append({"role": "assistant", "content": first.content})
    results = [
        {"type": "tool_result", "tool_use_id": uses[0].id, "content": [{"type": "text", "text": "21 C"}]},
        {"type": "tool_result", "tool_use_id": uses[1].id, "content": "no clock", "is_error": True, "cache_control": {"type": "ephemeral"}},
    ]
    messages.append(user([*results, {"type": "text", "text": "Go on."}]))
    second = client.messages.create(**call)
    assert second.content
    assert [e["outcome"] for e in managed.seen(2)] == ["ok", "ok"]


@pytest.mark.parametrize("choice", ["auto", "any", "none", "tool"])
def test_tool_choice(client, model, choice):
    wish = {"type": choice}
    if choice == "tool":
        wish["name"] = "clock"
    if choice != "none":
        wish["disable_parallel_tool_use"] = True
    got = client.messages.create(model=model, max_tokens=2000, tools=[WEATHER, CLOCK], tool_choice=wish, messages=[user("this and that")])
    uses = [block.name for block in got.content if block.type == "tool_use"]
    assert uses == {"none": [], "tool": ["clock"]}.get(choice, ["get_weather"])


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", ["gpt-5.2", "deepseek-reasoner", "claude-sonnet-4-5"])
def test_thinking(client, model, streaming):
    call = dict(model=model, max_tokens=4000, thinking={"type": "enabled", "budget_tokens": 2048}, messages=[user("Why?")])
    if streaming:
        with client.messages.stream(**call) as stream:
            got = stream.get_final_message()
    else:
        got = client.messages.create(**call)
    kinds = [block.type for block in got.content]
    assert kinds == (["text"] if model == "gpt-5.2" else ["thinking", "text"])
    back = [*call["messages"], {"role": "assistant", "content": got.content}, user("Really?")]
    assert client.messages.create(**{**call, "messages": back}).content


def test_images_and_documents(client, model):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    link = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQK"}}
    got = client.messages.create(model=model, max_tokens=2000, messages=[user([image, link, pdf, {"type": "text", "text": "?"}])])
    assert got.content[-1].text


def test_structured_output(client, model):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
    got = client.messages.create(model=model, max_tokens=2000, messages=[user("?")], output_config={"format": {"type": "json_schema", "schema": schema}})
    assert got.content[-1].text == '{"city":"Lisbon"}'


def test_count_tokens(client, model):
    assert client.messages.count_tokens(model=model, messages=[user("hello there")], system="Be brief").input_tokens > 0


def test_errors(client):
    def raised(kind, model, **more):
        with pytest.raises(kind) as error:
            client.messages.create(model=model, max_tokens=9, messages=[user("hi")], **more)
        assert error.value.body["type"] == "error"
        return error.value

    assert raised(anthropic.InternalServerError, "gpt-4o-broken").body["error"]["type"] == "api_error"
    busy = raised(anthropic.ServiceUnavailableError, "gpt-4o-busy")
    assert 0 < int(busy.response.headers["retry-after"]) <= 600
    refused = raised(anthropic.BadRequestError, "gpt-4o", extra_body={"mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}]})
    assert "mcp_servers" in refused.body["error"]["message"]


def test_a_broken_stream_is_no_success(client, managed):
    with pytest.raises(anthropic.APIError), client.messages.stream(model="gpt-4o-cut", max_tokens=9, messages=[user("hi")]) as stream:
        for _ in stream:
            pass
    assert managed.seen()[0]["outcome"] == "upstream_closed"


def test_models(client):
    assert {"gpt-4o", "claude-sonnet-4-5"} <= {model.id for model in client.models.list(limit=1000)}
