"""Streams of OpenAI's shape: the same events with the same keys as in the transcripts that clients were tried with.

Ids, times, numbers and texts are the answer's own. How many deltas an answer comes in is no shape: Gemini gives the
arguments of a call in one piece.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from antigravity_addon.simulator.exchange import SSE_HEADERS, Exchange
from tests.e2e.rows.scripted import (
    FLAT_TOOLS,
    TOOLS,
    Frame,
    Json,
    call,
    chunk,
    frames,
    stopped,
    stream,
    text,
)
from tests.e2e.test_cases import events
from tests.e2e.test_chat import BO, gateway_and_simulator

TRANSCRIPTS = Path(__file__).parents[4] / "shared" / "spec" / "openai-transcripts"
"""They belong to others: read where they lie, never copied."""

PATCH = "*** Begin Patch\n*** End Patch"
CHAT: Json = {
    "messages": [{"role": "user", "content": "x"}],
    "stream_options": {"include_usage": True},
}
RESPONSE: Json = {"input": "x", "store": False}


@dataclass(frozen=True, slots=True)
class Transcript:
    asked: Json
    answer: Exchange
    on_purpose: Callable[[list[Frame]], list[Frame]] = list
    """Makes of the transcript what ours is to be."""


def _whole_arguments(written: list[Frame]) -> list[Frame]:
    """A call comes in one chunk: Gemini gives its arguments whole, and nothing can tear them from their name."""
    calls = [(frame, _tool_calls(frame)) for frame in written]
    for each in (each for _, found in calls for each in found if "id" in each):
        each["function"]["arguments"] = "{}"
    return [frame for frame, found in calls if all("id" in each for each in found)]


def _tool_calls(frame: Frame) -> list[Json]:
    if frame.data == "[DONE]":
        return []
    return [each for choice in frame.data["choices"] for each in choice["delta"].get("tool_calls", ())]


def _nothing_carried(written: list[Frame]) -> list[Frame]:
    """Gemini signs a text at its end, when the thought was handed on long ago: that signature is kept by the
    message's id. The thought ahead of a call carries the call's."""
    for frame in written:
        items = [frame.data.get("item", {}), *frame.data.get("response", {}).get("output", ())]
        for item in items:
            if item.get("type") == "reasoning":
                item["encrypted_content"] = None
    return written


def _declared(written: list[Frame]) -> list[Frame]:
    """The transcript leaves out the tool that is called; a model calls what was declared."""
    for frame in written:
        if "response" in frame.data:
            frame.data["response"]["tools"] = [CUSTOM_TOOL]
    return written


CUSTOM_TOOL: Json = {"type": "custom", "name": "apply_patch"}
ASKED: dict[str, Transcript] = {
    "chat-text": Transcript(CHAT, stopped(text("Hello"), text(" there!"))),
    "chat-tools": Transcript(
        CHAT | {"tools": TOOLS}, stopped(call(city="Paris"), call(city="Rome")), _whole_arguments
    ),
    "responses-text": Transcript(RESPONSE, stopped(text("Hello"), text(" there!"))),
    "responses-function": Transcript(RESPONSE | {"tools": FLAT_TOOLS}, stopped(call(city="Paris"))),
    "responses-reasoning": Transcript(
        RESPONSE
        | {
            "reasoning": {"effort": "medium", "summary": "auto"},
            "include": ["reasoning.encrypted_content"],
        },
        stopped(text("**Planning**\n\n", thought=True), text("Greet.", thought=True), text("Hi!", thoughtSignature="c2ln")),
        _nothing_carried,
    ),
    "responses-custom-tool": Transcript(
        RESPONSE | {"tools": [CUSTOM_TOOL]}, stopped(call("apply_patch", input=PATCH)), _declared
    ),
    "responses-refusal": Transcript(RESPONSE, events(chunk(finish="SAFETY"))),
    "responses-incomplete": Transcript(RESPONSE, events(chunk(text("Once"), finish="MAX_TOKENS"))),
}  # fmt: skip


@pytest.fixture(scope="module")
def transcripts() -> Path:
    if not TRANSCRIPTS.is_dir():
        pytest.skip(f"no transcripts at {TRANSCRIPTS}")
    return TRANSCRIPTS


@pytest.mark.parametrize("name", ASKED)
async def test_a_stream_has_the_shape_of_the_transcript(tmp_path: Path, transcripts: Path, name: str) -> None:
    case = ASKED[name]
    async with gateway_and_simulator(tmp_path) as (gateway, simulator):
        simulator.script([case.answer])
        path = "/v1/chat/completions" if name.startswith("chat") else "/v1/responses"
        ours = await stream(gateway, path, case.asked | {"model": "gemini-3-pro"})
    theirs = frames((transcripts / f"{name}.sse").read_text())
    assert _shapes(ours) == _shapes(case.on_purpose(theirs))


@pytest.mark.time_lapse
async def test_a_failure_has_the_shape_of_the_transcript(tmp_path: Path, transcripts: Path) -> None:
    # a failure ahead of the first byte is an HTTP error here; a keep-alive was written first
    late = Exchange(200, SSE_HEADERS, ((2.5, b""),), reset=True)
    options: Json = {"gateway_keepalive_seconds": 1, "gateway_max_attempts": 1}
    async with gateway_and_simulator(tmp_path, BO, **options) as (gateway, simulator):
        simulator.script([late])
        ours = await stream(gateway, "/v1/responses", RESPONSE | {"model": "gemini-3-pro"})
    theirs = frames((transcripts / "responses-failed.sse").read_text())
    assert _shapes(ours) == _shapes(theirs)


def test_every_transcript_is_held_to(transcripts: Path) -> None:
    assert {path.stem for path in transcripts.glob("*.sse")} == {*ASKED, "responses-failed"}


_SAID = {"type", "object", "role", "status", "finish_reason", "reason", "service_tier", "truncation"}
"""The keys whose texts are words of the protocol."""


def _shapes(written: Iterable[Frame]) -> list[Any]:
    """Of frames; equal neighbours, which are pieces of one thing, are one."""
    return [shape for shape, _ in itertools.groupby((frame.event, _shape(frame.data)) for frame in written)]


def _shape(value: Any, key: str = "") -> Any:
    match value:
        case dict():
            return {name: _shape(member, name) for name, member in value.items()}
        case list():
            return [_shape(member) for member in value]
        case str() if key not in _SAID and value != "[DONE]":
            return "a text" if value else ""
        case bool() | None | str():
            return value
        case _:
            return "a number"
