"""A probe: one question to a gateway, and what must come of it."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from antigravity_addon.simulator.exchange import Exchange
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.wire.base import Json, JsonObject

from .answer import Answer

UPSTREAM = "http://upstream.invalid"
"""Stands in a request for the address of the simulator, which is known only when it is sent."""
SECONDS = 20.0
"""What takes longer hangs."""
SECONDS_TO_HANG_UP = 2.0

FAILED = frozenset(range(400, 600))
ANY = FAILED | {200}
"""For checks that look at the status themselves."""

type Check = Callable[[Answer], str | None]
"""`None` if the answer is what it must be, or else what came instead, in a few words."""


@dataclass(frozen=True, slots=True)
class Server:
    """A gateway with the simulator behind it."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """What it takes to be let in and to be led to the simulator."""


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    body: JsonObject | None = None
    method: str = "POST"

    def content(self, upstream: str) -> bytes | None:
        if self.body is None:
            return None
        return json.dumps(self.body).replace(UPSTREAM, upstream).encode()


@dataclass(frozen=True, slots=True)
class Probe:
    name: str
    expected: str
    """What must come of it, for the table."""
    why: str
    """What goes wrong for clients otherwise, or the number of the conformance case."""
    request: Request
    check: Check
    status: frozenset[int] = frozenset({200})
    """The statuses that will do; any other is what came instead."""
    upstream: tuple[Exchange, ...] = ()
    """What the upstream answers first; without it the simulator answers as ever."""
    then: Callable[[Answer], Request] | None = None
    """The next request of the same client, made of the first answer. The last answer is checked."""
    leaves: bool = False
    """The client goes away after the first bytes of the body."""


async def judge(probe: Probe, server: Server, simulator: Simulator) -> str | None:
    """As `Check`. The simulator must be fresh: nothing received, nothing scripted."""
    simulator.script(probe.upstream)
    try:
        async with (
            asyncio.timeout(SECONDS),
            httpx.AsyncClient(
                base_url=server.url, headers=dict(server.headers), timeout=SECONDS, trust_env=False
            ) as client,
        ):
            answer = await _ask(client, probe.request, simulator, leaves=probe.leaves)
            if probe.then is not None:
                if answer.status != 200:
                    return f"at the first request, {answer.gist}"
                answer = await _ask(client, probe.then(answer), simulator)
    except (TimeoutError, httpx.TimeoutException):
        return f"nothing in {SECONDS:.0f} s"
    except httpx.HTTPError as error:
        return f"no answer: {type(error).__name__}"
    return answer.gist if answer.status not in probe.status else probe.check(answer)


async def _ask(
    client: httpx.AsyncClient, request: Request, simulator: Simulator, *, leaves: bool = False
) -> Answer:
    content = b""
    broken = False
    async with client.stream(
        request.method,
        request.path,
        content=request.content(simulator.base_url),
        headers={"content-type": "application/json"},
    ) as response:
        try:
            async for chunk in response.aiter_bytes():
                content += chunk
                if leaves:
                    break
        except (httpx.RemoteProtocolError, httpx.ReadError):
            broken = True
    if leaves:
        await _hung_up(simulator)
    return Answer(response.status_code, response.headers, content, tuple(simulator.requests), broken)


async def _hung_up(simulator: Simulator) -> None:
    """Until the upstream's client is gone too, or long enough."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SECONDS_TO_HANG_UP):
            await simulator.wait_for(lambda requests: bool(requests) and requests[-1].disconnected)


# --- what probes are made of ----------------------------------------------------------------------------

MODEL = "gemini-2.5-flash"
SIGNING_MODEL = "gemini-3-flash-preview"
"""Signs its calls, and refuses them without their signatures."""


def chat(user: Json, model: str = MODEL, **fields: Json) -> Request:
    messages: list[Json] = [{"role": "user", "content": user}]
    body: JsonObject = {"model": model, "messages": messages}
    return Request("/v1/chat/completions", body | fields)


def function(name: str, parameters: JsonObject) -> JsonObject:
    """A tool of Chat Completions."""
    return {
        "type": "function",
        "function": {"name": name, "description": "A tool.", "parameters": parameters},
    }


def stream_of(*chunks: JsonObject, silent: bool = False) -> Exchange:
    """The Gemini API's stream of these chunks; `silent` leaves it open."""
    pieces = tuple((0.0, b"data: " + json.dumps(each).encode() + b"\r\n\r\n") for each in chunks)
    return Exchange(pieces=pieces, silent=silent)


def chunk(*parts: Json, finish: str | None = None) -> JsonObject:
    candidate: JsonObject = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    usage: JsonObject = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL, "responseId": "r"}


def call_of(name: str, args: JsonObject) -> JsonObject:
    return {"functionCall": {"name": name, "args": args}}


CITY: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = function("get_weather", CITY)
