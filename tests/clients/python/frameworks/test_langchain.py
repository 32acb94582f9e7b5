"""LangChain's OpenAI and Anthropic models are served by providers of every kind."""

import asyncio

import pydantic
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings


@tool
def get_weather(city: str, unit: str = "celsius") -> str:
    """The weather in a city."""
    return f"21 degrees {unit} in {city}"


@tool
def clock() -> str:
    """The time."""
    return "noon"


class Reading(pydantic.BaseModel):
    """What was read."""

    city: str
    degrees: int


CASES = [(ChatOpenAI, name) for name in ["claude-sonnet-4-5", "claude-opus-4-8", "azure-older", "azure-newer", "gpt-4o"]]
CASES += [(ChatAnthropic, name) for name in ["gpt-4o", "gpt-5.2", "azure-older", "azure-newer", "claude-haiku-4-5"]]


def model_of(managed, kind, name, **more):
    url = managed.url
    if kind is ChatOpenAI:
        url += "/v1"
        more["stream_usage"] = True
    return kind(model=name, base_url=url, api_key=managed.token, max_retries=0, timeout=30, max_tokens=4000, **more)


@pytest.fixture(params=CASES, ids=[f"{kind.__name__}-{name}" for kind, name in CASES])
def model(request, managed):
    return model_of(managed, *request.param)


ASK = [SystemMessage("Be brief."), HumanMessage("Weather in Lisbon and the time?")]


def test_invoke(model, managed):
    answer = model.invoke(ASK)
    assert len(answer.text) > 50
    assert answer.usage_metadata["output_tokens"] > 10
    [exchange] = managed.seen()
    assert exchange["usage"]["completion_tokens"] == answer.usage_metadata["output_tokens"]


def test_stream(model, managed):
    whole = None
    for chunk in model.stream(ASK):
        whole = chunk if whole is None else whole + chunk
    assert len(whole.text) > 50
    assert whole.usage_metadata["output_tokens"] > 10
    assert managed.seen()[0]["outcome"] == "ok"


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
def test_an_agent_s_tools(model, managed, streaming):
    bound = model.bind_tools([get_weather, clock])
    messages = [*ASK]
    if streaming:
        first = None
        for chunk in bound.stream(messages):
            first = chunk if first is None else first + chunk
    else:
        first = bound.invoke(messages)
    assert [call["name"] for call in first.tool_calls] == ["get_weather", "clock"]
    assert first.tool_calls[0]["args"]["city"] == "Lisbon"
    assert first.tool_calls[1]["args"] == {}
    messages.append(first)
    tools = {"get_weather": get_weather, "clock": clock}
    messages += [tools[call["name"]].invoke(call) for call in first.tool_calls]
    assert isinstance(messages[-1], ToolMessage)
    assert bound.invoke(messages).text
    assert [e["outcome"] for e in managed.seen(2)] == ["ok", "ok"]


def test_structured_output(model):
    assert model.with_structured_output(Reading).invoke("Weather in Lisbon?") == Reading(city="Lisbon", degrees=21)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output_each_way(managed, method):
    for kind, name in [(ChatOpenAI, "claude-sonnet-4-5"), (ChatAnthropic, "gpt-4o")]:
        model = model_of(managed, kind, name).with_structured_output(Reading, method=method)
        assert model.invoke("Weather in Lisbon?").city == "Lisbon"


@pytest.fixture(scope="module")
def loop():
    """LangChain keeps its connections for the next model: so must their loop stay."""
    with asyncio.Runner() as runner:
        yield runner


def test_async(model, loop):
    async def run():
        text = "".join([chunk.text async for chunk in model.astream(ASK)])
        return text, (await model.ainvoke(ASK)).text

    text, whole = loop.run(run())
    assert text == whole


def test_thinking(managed):
    model = model_of(managed, ChatAnthropic, "deepseek-reasoner", thinking={"type": "enabled", "budget_tokens": 2000})
    bound = model.bind_tools([get_weather])
    first = bound.invoke(ASK)
    assert [block["type"] for block in first.content] == ["thinking", "tool_use"] or len(first.tool_calls) == 2, first
    messages = [*ASK, first, *(get_weather.invoke(call) for call in first.tool_calls)]
    assert bound.invoke(messages).text


def test_responses_api(managed):
    for name in ["claude-sonnet-4-5", "gpt-4o", "azure-newer"]:
        model = model_of(managed, ChatOpenAI, name, use_responses_api=True)
        assert len(model.invoke(ASK).text) > 50
        first = model.bind_tools([get_weather]).invoke(ASK)
        assert first.tool_calls[0]["args"]["city"] == "Lisbon"
        back = [*ASK, first, *(get_weather.invoke(call) for call in first.tool_calls)]
        assert model.bind_tools([get_weather]).invoke(back).text


def test_embeddings(managed):
    for name in ["text-embedding-3-small", "embed-older", "embed-newer"]:
        model = OpenAIEmbeddings(model=name, base_url=f"{managed.url}/v1", api_key=managed.token, check_embedding_ctx_length=False)
        assert [len(vector) for vector in model.embed_documents(["a", "b"])] == [16, 16]
