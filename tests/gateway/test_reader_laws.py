"""A law of every reader: whatever is done to a sound body, it is refused in words or becomes what Gemini can parse."""

import asyncio
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.errors import InvalidRequest, UnknownObject
from antigravity_addon.gateway.dialects.dialect import Surroundings
from antigravity_addon.gateway.dialects.registry import DIALECTS
from antigravity_addon.gateway.routes import Endpoint
from antigravity_addon.simulator.proto_json import load, parse
from antigravity_addon.simulator.request import GenerateContentRequest
from antigravity_addon.state.sqlite import SqliteMemory
from antigravity_addon.state.sqlite_file import IN_MEMORY, SqliteFile

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": ["integer", "null"], "minimum": 0, "enum": [1, None], "default": 1}},
    "required": ["a"],
}
FUNCTION: dict[str, Any] = {"name": "f", "parameters": SCHEMA, "strict": True}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
SOUND: dict[Endpoint, dict[str, Any]] = {
    Endpoint.CHAT_COMPLETIONS: {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "x"}]},
            {"role": "assistant", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c", "content": '{"b":2}'},
        ],
        "tools": [{"type": "function", "function": FUNCTION}],
        "tool_choice": "auto",
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}},
        "n": 2,
        "stop": ["."],
        "seed": 1,
        "temperature": 1,
        "max_tokens": 9,
        "reasoning_effort": "low",
    },
    Endpoint.COMPLETIONS: {"model": "m", "prompt": ["a", "b"], "n": 2, "suffix": "c", "stop": "."},
    Endpoint.RESPONSES: {
        "model": "m",
        "instructions": "i",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "x"}]},
            {"type": "reasoning", "summary": [], "encrypted_content": "gw1.e30="},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'},
            {"type": "function_call_output", "call_id": "c", "output": '{"b":2}'},
            {"type": "shell_call", "call_id": "d", "action": {"commands": ["ls"], "timeout_ms": 1}},
            {"type": "shell_call_output", "call_id": "d", "output": [{"stdout": "y"}]},
        ],
        "tools": [{"type": "function", **FUNCTION}, {"type": "custom", "name": "g"}, {"type": "shell"}],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": {"type": "json_schema", "name": "s", "schema": SCHEMA}},
        "reasoning": {"effort": "low", "summary": "auto"},
        "max_output_tokens": 9,
    },
    Endpoint.IMAGES: {"model": "m", "prompt": "a cat", "n": 2, "size": "1024x1536", "quality": "high"},
}
SOUND[Endpoint.COMPACT] = SOUND[Endpoint.RESPONSES]

DEEP = ("[" * 150 + "]" * 150, '{"a":' * 150 + "1" + "}" * 150)
HOSTILE: tuple[Any, ...] = (
    *(None, True, 0, -1, 0.5, 1e308, 10**400, "", "\0", "x" * 999, [], [None], {}, {"type": "x"}),
    *map(json.loads, DEEP),
)

type Place = tuple[str | int, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    if at:
        yield at
    for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, dict | list):
            yield from places(inner, (*at, step))
        else:
            yield (*at, step)


@st.composite
def spoiled(draw: st.DrawFn, sound: dict[str, Any]) -> bytes:
    """A sound body with something of it replaced, repeated or gone."""
    body = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 2))):
        if not (found := sorted(places(body), key=str)):
            break
        *way, last = draw(st.sampled_from(found))
        holder: Any = body
        for step in way:
            holder = holder[step]
        match draw(st.sampled_from(["replace", "replace", "drop", "wrap"])):
            case "drop":
                del holder[last]
            case "wrap":
                holder[last] = [holder[last], holder[last]]
            case _:
                holder[last] = copy.deepcopy(draw(st.sampled_from(HOSTILE)))
    return json.dumps(body).encode()


async def check(endpoint: Endpoint, body: bytes, model: str) -> None:
    memory = SqliteMemory(SqliteFile(IN_MEMORY), clock=lambda: 1e9, max_age=1e6, max_bytes=10**6)
    try:
        call = DIALECTS[endpoint](body, "application/json")
        prepared = await call.prepare(model, Surroundings("", memory, None))
    except (InvalidRequest, UnknownObject) as error:
        assert error.message.encode()
    else:
        assert prepared.size >= len(body)
        for asked in prepared.bodies:
            parse(GenerateContentRequest, load(asked.to_json()))
    finally:
        await memory.aclose()


@pytest.mark.parametrize("endpoint", SOUND)
@given(draw=st.data(), model=st.sampled_from(["gemini-2.5-flash", "gemini-3.8-flash"]))
def test_a_spoiled_body_is_refused_or_understood(endpoint: Endpoint, draw: st.DataObject, model: str) -> None:
    asyncio.run(check(endpoint, draw.draw(spoiled(SOUND[endpoint])), model))


FORM = (
    b'--X\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF'
    b'\r\n--X\r\nContent-Disposition: form-data; name="model"\r\n\r\nm'
    b'\r\n--X\r\nContent-Disposition: form-data; name="languages[]"\r\n\r\nfr\r\n--X--\r\n'
)
PIECES = [b"", b"\r\n", b"--X", b"--X--", b"\0", b"\xff", b'"', b"name*=x''%ff", b"; filename*0=a"]


@pytest.mark.parametrize("endpoint", [Endpoint.TRANSCRIPTIONS, Endpoint.TRANSLATIONS])
@given(start=st.integers(0, len(FORM)), length=st.integers(0, 20), piece=st.sampled_from(PIECES))
def test_a_spoiled_form_is_refused_or_understood(
    endpoint: Endpoint, start: int, length: int, piece: bytes
) -> None:
    body = FORM[:start] + piece + FORM[start + length :]
    try:
        call = DIALECTS[endpoint](body, "multipart/form-data; boundary=X")
    except InvalidRequest as error:
        assert error.message.encode()
    else:
        assert call.model
