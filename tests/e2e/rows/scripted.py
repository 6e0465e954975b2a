"""Answers that the simulator is told to give, and what the gateway's clients see of them."""

import json
import re
from dataclasses import dataclass
from typing import Any

from antigravity_addon.simulator.exchange import Exchange
from antigravity_addon.simulator.server import Simulator
from tests.e2e.test_cases import events
from tests.running import RunningGateway

type Json = dict[str, Any]

USAGE: Json = {"promptTokenCount": 19, "candidatesTokenCount": 10, "totalTokenCount": 29}
FUNCTION: Json = {
    "name": "get_weather",
    "description": "w",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TOOLS: list[Json] = [{"type": "function", "function": FUNCTION}]
FLAT_TOOLS: list[Json] = [{"type": "function", **FUNCTION, "strict": False}]


def chunk(*parts: Json, finish: str | None = None) -> Json:
    """One message of Gemini's stream."""
    candidate: Json = {"content": {"role": "model", "parts": list(parts)}}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "usageMetadata": USAGE}


def text(words: str, **more: Any) -> Json:
    return {"text": words, **more}


def call(name: str = "get_weather", /, **arguments: Any) -> Json:
    return {"functionCall": {"name": name, "args": arguments}}


def stopped(*parts: Json) -> Exchange:
    """A sound answer, each part of it in a message of its own."""
    *begun, last = parts
    return events(*map(chunk, begun), chunk(last, finish="STOP"))


@dataclass(frozen=True, slots=True)
class Frame:
    event: str | None
    data: Any
    """The parsed JSON, or the text if it is none."""


def frames(body: str) -> list[Frame]:
    """Events as the plainest of parsers reads them: each line of data is a document.

    Fails on bytes that are not exactly such frames.
    """
    *written, rest = body.split("\n\n")
    assert rest == ""
    return [_frame(each) for each in written]


def _frame(written: str) -> Frame:
    found = re.fullmatch(r"(?:event: (?P<event>[a-z._]+)\n)?data: (?P<data>[^\n]+)", written)
    assert found, written
    return Frame(found["event"], "[DONE]" if found["data"] == "[DONE]" else json.loads(found["data"]))


async def stream(gateway: RunningGateway, path: str, body: Json) -> list[Frame]:
    async with gateway.client() as http:
        answer = await http.post(path, json={**body, "stream": True})
    assert (answer.status_code, answer.headers["content-type"]) == (
        200,
        "text/event-stream; charset=utf-8",
    ), answer.text
    return frames(answer.text)


def sent(simulator: Simulator) -> Any:
    """The body of the last request to Gemini."""
    return simulator.requests[-1].body
