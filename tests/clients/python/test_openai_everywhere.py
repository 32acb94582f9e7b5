"""The official OpenAI SDK of PyPI is served by Anthropic, Azure and OpenAI alike."""

import asyncio
import json

import openai
import pydantic
import pytest

MODELS = ["claude-sonnet-4-5", "claude-opus-4-8", "claude-3-haiku-20240307", "azure-older", "azure-newer", "gpt-4o", "gpt-5.2"]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "unit": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Reading(pydantic.BaseModel):
    city: str
    degrees: int
    notes: list[str]
    wind: float | None = None


@pytest.fixture
def client(managed):
    return openai.OpenAI(base_url=f"{managed.url}/v1", api_key=managed.token, max_retries=0, timeout=30)


@pytest.fixture(params=MODELS)
def model(request):
    return request.param


def user(text):
    return {"role": "user", "content": text}


def test_chat(client, managed, model):
    raw = client.chat.completions.with_raw_response.create(
        model=model,
        messages=[{"role": "system", "content": "Be brief."}, {"role": "developer", "content": "Be kind."}, user("今天天气怎么样？")],
        max_completion_tokens=2000,
        stop=["END"] if model != "gpt-5.2" else openai.NOT_GIVEN,
        seed=7,
    )
    answer = raw.parse()
    assert answer.object == "chat.completion"
    assert "。" in answer.choices[0].message.content
    assert (answer.choices[0].finish_reason, answer.choices[0].message.role) == ("stop", "assistant")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert raw.request_id == "req_demo"
    claude = model.startswith("claude")
    assert raw.headers.get("x-glassway-warnings") == ("dropped=seed" if claude else None)
    [exchange] = managed.seen()
    assert (exchange["outcome"], exchange["model"]) == ("ok", model)
    assert exchange["usage"]["source"] == "upstream"
    assert exchange["usage"]["prompt_tokens"] == answer.usage.prompt_tokens
    assert exchange["provider"] == ("claude" if claude else model.removeprefix("azure-") if "azure" in model else "openai")


def test_stream(client, managed, model):
    stream = client.chat.completions.create(model=model, messages=[user("Explain backpressure")], stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    ids = {chunk.id for chunk in chunks if chunk.choices and chunk.choices[0].delta and chunk.choices[0].delta.content}
    assert len(ids) == 1
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices and c.choices[0].delta)
    assert len(text) > 100
    finish = [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
    assert finish == ["stop"]
    assert chunks[-1].usage.completion_tokens > 10
    assert chunks[-1].choices == []
    [exchange] = managed.seen()
    assert (exchange["outcome"], exchange["stream"]) == ("ok", True)
    assert exchange["usage"]["completion_tokens"] == chunks[-1].usage.completion_tokens


def test_usage_stays_ours_where_nobody_asked(client, managed, model):
    chunks = list(client.chat.completions.create(model=model, messages=[user("hi")], stream=True))
    assert all(chunk.usage is None for chunk in chunks)
    assert managed.seen()[0]["usage"]["source"] == "upstream"


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
def test_parallel_tools_there_and_back(client, managed, model, streaming):
    messages = [user("Weather in Lisbon and Porto?")]
    for turn in range(2):
        call = dict(model=model, messages=messages, tools=[WEATHER, CLOCK] if turn == 0 else [WEATHER], parallel_tool_calls=True)
        if streaming:
            with client.chat.completions.stream(**call) as stream:
                first = stream.get_final_completion()
        else:
            first = client.chat.completions.create(**call)
        message = first.choices[0].message
        assert first.choices[0].finish_reason == "tool_calls"
        names = [c.function.name for c in message.tool_calls]
        assert names == (["get_weather", "clock"] if turn == 0 else ["get_weather", "get_weather"])
        arguments = [json.loads(c.function.arguments) for c in message.tool_calls]
        assert arguments[0]["city"] == "Lisbon"
        assert arguments[1] == ({} if turn == 0 else {"city": "Porto", "unit": "celsius"})
        assert len({c.id for c in message.tool_calls}) == 2
        messages.append(message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}))
        messages += [{"role": "tool", "tool_call_id": c.id, "content": "21 C"} for c in message.tool_calls]
        final = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
        assert final.choices[0].finish_reason == "stop"
        messages += [{"role": "assistant", "content": final.choices[0].message.content}, user("And again Lisbon and Porto?")]
    assert [e["outcome"] for e in managed.seen(4)] == ["ok"] * 4


def test_the_message_object_itself_goes_back(client, model):
    """As the SDK's own examples do."""
    messages = [user("Weather?")]
    first = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    messages.append(first.choices[0].message)
    messages.append({"role": "tool", "tool_call_id": first.choices[0].message.tool_calls[0].id, "content": "21 C"})
    assert client.chat.completions.create(model=model, messages=messages, tools=[WEATHER]).choices[0].message.content


@pytest.mark.parametrize("choice", ["none", "auto", "required", {"type": "function", "function": {"name": "clock"}}], ids=["none", "auto", "required", "named"])
def test_tool_choice(client, model, choice):
    got = client.chat.completions.create(model=model, messages=[user("x")], tools=[WEATHER, CLOCK], tool_choice=choice, parallel_tool_calls=False)
    calls = [c.function.name for c in got.choices[0].message.tool_calls or []]
    assert calls == ([] if choice == "none" else ["clock"] if isinstance(choice, dict) else ["get_weather"])


def test_parse(client, managed, model):
    got = client.chat.completions.parse(model=model, messages=[user("Weather in Lisbon?")], response_format=Reading)
    assert got.choices[0].message.parsed == Reading(city="Lisbon", degrees=21, notes=["Lisbon"], wind=21.5)
    with client.chat.completions.stream(model=model, messages=[user("?")], response_format=Reading) as stream:
        kinds = {event.type for event in stream}
        assert stream.get_final_completion().choices[0].message.parsed.city == "Lisbon"
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert [e["outcome"] for e in managed.seen(2)] == ["ok", "ok"]


def test_json_object(client, model):
    ask = [user("Reply with JSON: the weather in Lisbon")]
    got = client.chat.completions.create(model=model, messages=ask, response_format={"type": "json_object"})
    assert got.choices[0].message.content


def test_parsed_tools(client, model):
    tool = openai.pydantic_function_tool(Reading, name="report")
    got = client.chat.completions.parse(model=model, messages=[user("Report")], tools=[tool])
    assert got.choices[0].message.tool_calls[0].function.parsed_arguments.city == "Lisbon"


def test_images(client, model):
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}]
    assert client.chat.completions.create(model=model, messages=[user(content)]).choices[0].message.content


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-8", "gpt-5.2"])
def test_reasoning(client, managed, model, streaming):
    call = dict(model=model, messages=[user("Think and answer, weather?")], reasoning_effort="medium", tools=[WEATHER])
    if streaming:
        with client.chat.completions.stream(**call) as stream:
            got = stream.get_final_completion()
    else:
        got = client.chat.completions.create(**call)
    message = got.choices[0].message
    assert message.tool_calls
    if model.startswith("claude"):
        assert message.model_dump().get("reasoning_content"), message
    # The loop goes on as the SDK gives the message back.
    back = [call["messages"][0], message.model_dump(exclude_none=True), *({"role": "tool", "tool_call_id": c.id, "content": "21"} for c in message.tool_calls)]
    for part in back:
        if model == "gpt-5.2":
            part.pop("reasoning_content", None)
        for c in part.get("tool_calls", []):
            c.pop("index", None)
            c["function"].pop("parsed_arguments", None)
        part.pop("parsed", None)
    assert client.chat.completions.create(**{**call, "messages": back}).choices[0].message.content
    assert [e["outcome"] for e in managed.seen(2)] == ["ok", "ok"]


def test_responses(client, managed, model):
    got = client.responses.create(model=model, instructions="Be brief", input="hello", max_output_tokens=2000)
    assert len(got.output_text) > 50
    assert (got.object, got.status) == ("response", "completed")
    assert got.usage.total_tokens == got.usage.input_tokens + got.usage.output_tokens
    with client.responses.stream(model=model, input="hello") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert [e.sequence_number for e in events if hasattr(e, "sequence_number")][:3] == [0, 1, 2]
    assert final.output_text == got.output_text
    for exchange in managed.seen(2):
        assert (exchange["outcome"], exchange["usage"]["source"]) == ("ok", "upstream")


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
def test_responses_tools(client, model, streaming):
    tool = {"type": "function", **WEATHER["function"]}
    history = [user("Weather in Lisbon and Porto?")]

    def ask():
        if not streaming:
            return client.responses.create(model=model, input=history, tools=[tool], store=False)
        with client.responses.stream(model=model, input=history, tools=[tool], store=False) as stream:
            for _ in stream:
                pass
            return stream.get_final_response()

    first = ask()
    calls = [item for item in first.output if item.type == "function_call"]
    assert [json.loads(c.arguments)["city"] for c in calls] == ["Lisbon", "Porto"]
    history += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in first.output]
    history += [{"type": "function_call_output", "call_id": c.call_id, "output": "21 C"} for c in calls]
    assert ask().output_text


def test_responses_parse(client, model):
    got = client.responses.parse(model=model, input="Weather?", text_format=Reading)
    assert got.output_parsed.city == "Lisbon"


def test_async(managed, model):
    async def run():
        async with openai.AsyncOpenAI(base_url=f"{managed.url}/v1", api_key=managed.token, max_retries=0) as client:
            stream = await client.chat.completions.create(model=model, messages=[user("hi")], stream=True)
            text = "".join([c.choices[0].delta.content or "" async for c in stream if c.choices and c.choices[0].delta])
            both = await asyncio.gather(*(client.chat.completions.create(model=model, messages=[user("hi")]) for _ in range(4)))
            return text, {answer.choices[0].message.content for answer in both}

    text, answers = asyncio.run(run())
    assert answers == {text}
    managed.seen(5)


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "gpt-4o"])
def test_errors(client, managed, model):
    def raised(kind, name, **more):
        with pytest.raises(kind) as error:
            client.chat.completions.create(model=name, messages=[user("hi")], **more)
        return error.value

    assert raised(openai.InternalServerError, f"{model}-broken").status_code >= 500
    busy = raised(openai.InternalServerError, f"{model}-busy")
    assert (busy.status_code, busy.code) == (503, "no_usable_key")
    assert 0 < int(busy.response.headers["retry-after"]) <= 600
    if model.startswith("claude"):
        refused = raised(openai.BadRequestError, model, n=2)
        assert (refused.code, refused.param) == ("unsupported_parameter", "n")
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model=model, messages=[user("")])


@pytest.mark.parametrize("model", ["claude-sonnet-4-5-cut", "gpt-4o-cut"])
def test_a_broken_stream_is_no_success(client, managed, model):
    # A converted stream says it in an event; a passed one breaks off as it came.
    with pytest.raises(openai.APIError, match="broke off" if model.startswith("claude") else "Connection error"):
        for _ in client.chat.completions.create(model=model, messages=[user("hi")], stream=True):
            pass
    assert managed.seen()[0]["outcome"] == "upstream_closed"


@pytest.mark.parametrize("model", ["azure-older", "azure-newer"])
def test_azure_blocks_a_prompt(client, managed, model):
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model=model, messages=[user("[blocked]")])
    assert raised.value.code == "content_filter"
    keys = managed.api("/api/keys")["items"]
    assert {key["status"] for key in keys if "key" in key["name"]} <= {"active", "cooling"}
    assert client.chat.completions.create(model=model, messages=[user("fine")]).choices[0].message.content


@pytest.mark.parametrize(("embed", "ear", "eye"), [("text-embedding-3-small", "whisper-1", "gpt-image-1"), ("embed-older", "whisper-older", "image-older"), ("embed-newer", "whisper-newer", "image-newer")], ids=["openai", "older", "newer"])
def test_embeddings_images_audio(client, managed, embed, ear, eye):
    vectors = client.embeddings.create(model=embed, input=["a", "b"])
    assert [len(one.embedding) for one in vectors.data] == [16, 16]
    assert len(client.embeddings.create(model=embed, input="a", encoding_format="float").data[0].embedding) == 16
    assert client.images.generate(model=eye, prompt="a fox", n=2).data[1].b64_json
    heard = client.audio.transcriptions.create(model=ear, file=("a.wav", b"\x00\x01RIFF\r\n--x\xff", "audio/wav"), language="en")
    assert heard.text == f"{ear if ear == 'whisper-1' else 'prod-ear'} heard 12 bytes"
    for exchange, tokens in zip(managed.seen(4), [None, None, 12, 14]):
        assert exchange["outcome"] == "ok"
        if tokens:
            assert exchange["usage"]["prompt_tokens"] == tokens, exchange["path"]


def test_speech_moderation_and_models(client, managed):
    assert client.audio.speech.create(model="tts-1", voice="alloy", input="hi").content.startswith(b"ID3")
    assert not client.moderations.create(model="omni-moderation-latest", input="hi").results[0].flagged
    listed = {model.id for model in client.models.list()}
    assert {"gpt-4o", "claude-sonnet-4-5", "azure-older"} <= listed
    assert [e["outcome"] for e in managed.seen(3)] == ["ok", "ok", "ok"]
