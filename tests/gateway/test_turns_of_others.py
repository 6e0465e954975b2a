"""Whoever else has something to do, while one answer is passed on."""

import asyncio
import json
import threading
from dataclasses import dataclass, field
from typing import override

import pytest

from antigravity_addon.accounts.account import Account
from antigravity_addon.errors import InvalidRequest
from antigravity_addon.gateway.dialects import responses
from antigravity_addon.gateway.gateway import RequestHead
from antigravity_addon.gateway.kept import Kept
from antigravity_addon.gateway.routes import find_route
from antigravity_addon.state.sqlite import SqliteMemory
from antigravity_addon.state.sqlite_file import IN_MEMORY, SqliteFile
from antigravity_addon.upstream.endpoint import Authorization, Endpoint, UpstreamRequest
from antigravity_addon.upstream.endpoints import Endpoints
from antigravity_addon.upstream.gemini_api import GeminiApi
from antigravity_addon.wire.gemini import GenerateContentRequest
from antigravity_addon.wire.openai_responses.request import parse, parse_verbatim
from tests.fuzz.in_process import Asked, InProcess, scripted

PARTS = 8000
ONE_EVENT = b'data: {"candidates":[{"content":{"parts":[%b]},"finishReason":"STOP"}]}\r\n\r\n' % b",".join(
    [b'{"text":"x"}'] * PARTS
)
QUESTIONS = {
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}, b'{"content":"x"}'),
    "completions": ("/v1/completions", {"prompt": "x"}, b'"text":"x"'),
    "responses": ("/v1/responses", {"input": "x", "store": False}, b'"delta":"x"'),
}

CALLS = [
    {"id": f"call_{number}", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    for number in range(1000)
]
TOOLS = [{"type": "function", "function": {"name": "f", "description": "x" * 200_000}}]
LARGE_WITH_LITTLE_TEXT: dict[str, tuple[str, dict[str, object]]] = {
    "calls": (
        "/v1/chat/completions",
        {
            "messages": [
                {"role": "user", "content": "x"},
                {"role": "assistant", "tool_calls": CALLS},
                *({"role": "tool", "tool_call_id": call["id"], "content": "y"} for call in CALLS),
            ]
        },
    ),
    "tools": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "tools": TOOLS}),
    "instructions": ("/v1/responses", {"input": "x", "instructions": "x" * 200_000}),
}

OF_NOTHING = b"{}" * PARTS


class Others:
    """Whoever has something to do: how often they could."""

    def __init__(self) -> None:
        self.turns = 0

    async def work(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.turns += 1


async def test_what_an_answer_repeats_of_its_request_is_read_in_between() -> None:
    had_turn = asyncio.Event()
    asyncio.get_running_loop().call_soon(had_turn.set)
    tools = [{"type": "function", "name": f"f{number}", "parameters": {}} for number in range(4000)]
    body = json.dumps({"model": "gpt-4o", "input": "x", "tools": tools}).encode()
    echo = await responses.echo_of(responses.Asked(parse(body), parse_verbatim(body), len(body)))
    assert len(json.loads(echo)["tools"]) == len(tools)
    assert had_turn.is_set()


@pytest.mark.parametrize("path", ["", "/conv_1", "/conv_1/items"])
async def test_what_a_conversation_is_to_keep_is_read_in_between(path: str) -> None:
    items = [{"role": "user", "content": "x" * 10_000}] * 21
    body = json.dumps({"items": items, "metadata": 1}).encode()
    had_turn = asyncio.Event()
    asyncio.get_running_loop().call_soon(had_turn.set)

    memory = SqliteMemory(SqliteFile(IN_MEMORY), clock=lambda: 0.0, max_age=1e6, max_bytes=1_000_000)
    kept = Kept(memory, lambda prefix: prefix, lambda: 0.0)
    head = RequestHead("POST", f"/v1/conversations{path}", {})
    with pytest.raises(InvalidRequest):
        await kept.answer(find_route(head.method, head.target), head, body)
    await memory.aclose()
    assert had_turn.is_set()


@pytest.mark.parametrize(("path", "asked", "piece"), QUESTIONS.values(), ids=QUESTIONS)
async def test_one_event_of_thousands_of_parts_is_passed_on_in_between(
    path: str, asked: dict[str, object], piece: bytes
) -> None:
    """There is a piece of the client's for each of them, all together twenty times as large."""
    body = json.dumps({"model": "gemini-2.5-flash", "stream": True, **asked}).encode()
    others = Others()
    busy = asyncio.get_running_loop().create_task(others.work())
    async with InProcess() as gateway:
        answered = await gateway.ask(
            Asked("POST", path, "application/json", body),
            instead=scripted(200, {"content-type": "text/event-stream"}, ONE_EVENT),
        )
    busy.cancel()
    assert answered.body.count(piece) == PARTS
    assert others.turns > PARTS / 300


@dataclass(frozen=True, slots=True)
class WatchedEndpoint(GeminiApi):
    """Knows in which threads requests were put together."""

    threads: set[threading.Thread] = field(default_factory=set[threading.Thread])

    @override
    def prepare(
        self, body: GenerateContentRequest, *, model: str, authorization: Authorization
    ) -> UpstreamRequest:
        self.threads.add(threading.current_thread())
        return GeminiApi.prepare(self, body, model=model, authorization=authorization)


class OnlyEndpoint(Endpoints):
    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(target="http://double.test", user_agent="test")
        self._only = endpoint

    @override
    def of(self, account: Account) -> Endpoint:
        return self._only


@pytest.mark.parametrize(("path", "asked"), LARGE_WITH_LITTLE_TEXT.values(), ids=LARGE_WITH_LITTLE_TEXT)
async def test_what_has_little_text_is_put_together_in_between(path: str, asked: dict[str, object]) -> None:
    body = json.dumps({"model": "gemini-2.5-flash", **asked}).encode()
    endpoint = WatchedEndpoint(base_url="http://double.test", user_agent="test")
    async with InProcess(OnlyEndpoint(endpoint)) as gateway:
        answered = await gateway.ask(Asked("POST", path, "application/json", body))
    assert answered.status == 200
    assert endpoint.threads
    assert threading.main_thread() not in endpoint.threads


async def test_thousands_of_objects_of_two_bytes_are_read_in_between() -> None:
    others = Others()
    body = json.dumps({"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": "x"}]}).encode()
    async with InProcess() as gateway:
        asked = Asked("POST", "/v1/chat/completions", "application/json", body)
        spoken = b'data: {"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}]}\r\n\r\n'
        instead = scripted(200, {"content-type": "text/event-stream"}, OF_NOTHING + b"\n\n" + spoken)
        busy = asyncio.get_running_loop().create_task(others.work())
        answered = await gateway.ask(asked, instead=instead)
        busy.cancel()
    assert json.loads(answered.body)["choices"][0]["message"]["content"] == "x"
    assert others.turns > PARTS / 300
