"""LlamaIndex's OpenAI and Anthropic models are served by providers of every kind."""

import asyncio

import pydantic
import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.anthropic import Anthropic
from llama_index.llms.openai import OpenAI
from llama_index.llms.openai_like import OpenAILike


def get_weather(city: str, unit: str = "celsius") -> str:
    """The weather in a city."""
    return f"21 degrees {unit} in {city}"


class Reading(pydantic.BaseModel):
    """What was read."""

    city: str
    degrees: int


TOOL = FunctionTool.from_defaults(get_weather)
# LlamaIndex's own classes look their model's name up; a route gives it to another vendor.
CASES = [(OpenAI, "gpt-4.1"), (OpenAI, "gpt-4o"), (Anthropic, "claude-haiku-4-5")]
CASES += [(OpenAILike, name) for name in ["claude-sonnet-4-5", "azure-older", "azure-newer"]]


@pytest.fixture(params=CASES, ids=[f"{kind.__name__}-{name}" for kind, name in CASES])
def model(request, managed):
    kind, name = request.param
    more = {"api_key": managed.token, "max_retries": 0, "timeout": 30, "max_tokens": 2000}
    if kind is Anthropic:
        return kind(model=name, base_url=managed.url, **more)
    if kind is OpenAILike:
        more |= {"is_chat_model": True, "is_function_calling_model": True}
    return kind(model=name, api_base=f"{managed.url}/v1", **more)


ASK = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content="Weather in Lisbon and Porto?")]


def test_chat(model, managed):
    assert len(model.chat(ASK).message.content) > 50
    assert managed.seen()[0]["outcome"] == "ok"


def test_stream(model, managed):
    *_, last = model.stream_chat(ASK)
    assert last.message.content == model.chat(ASK).message.content
    assert [e["outcome"] for e in managed.seen(2)] == ["ok", "ok"]


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
def test_an_agent_s_tools(model, managed, streaming):
    def ask(history):
        if not streaming:
            return model.chat_with_tools([TOOL], chat_history=history, allow_parallel_tool_calls=True)
        *_, last = model.stream_chat_with_tools([TOOL], chat_history=history, allow_parallel_tool_calls=True)
        return last

    first = ask(ASK)
    calls = model.get_tool_calls_from_response(first)
    assert [call.tool_kwargs["city"] for call in calls] == ["Lisbon", "Porto"]
    results = [
        ChatMessage(role="tool", content=str(TOOL.call(**call.tool_kwargs)), additional_kwargs={"tool_call_id": call.tool_id, "name": call.tool_name})
        for call in calls
    ]
    final = ask([*ASK, first.message, *results])
    assert final.message.content
    assert [e["outcome"] for e in managed.seen(2)] == ["ok", "ok"]


def test_structured_output(model):
    got = model.as_structured_llm(Reading).chat(ASK)
    assert got.raw == Reading(city="Lisbon", degrees=21)


def test_async(model):
    async def run():
        last = None
        async for last in await model.astream_chat(ASK):
            pass
        return last.message.content, (await model.achat(ASK)).message.content

    streamed, whole = asyncio.run(run())
    assert streamed == whole
