"""Inputs that grow: four times as much must not take sixteen times as long. `python -m tests.fuzz --growth`.

Measured by the processor's time, which a busy machine hardly changes; in tests by calls, which it does not change at all.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from .in_process import Asked, InProcess
from .targets import TARGETS

TIMES = 4
WORST = 9.0
"""Between 4, linear, and 16, quadratic."""
WORST_OF_CALLS: Mapping[str, float] = {"views": 5.5, "sse": 5.5, "answers": 5.5, "chat": WORST}
"""What the double does counts in `chat`, and it counts tokens twice."""
ENOUGH_SECONDS = 0.1
"""What takes less is too short to be measured, and no danger."""
_CHAT, _RESPONSES = "/v1/chat/completions", "/v1/responses"
_QUESTIONS = (0, 3, 4, 9)
"""Of `targets.py`: streamed and whole, with tools and without."""
_TRIED_ONE_BY_ONE = ("tools of one name", "names that are long")
"""By the view of fields, as long as it allows itself to."""
_USER: Mapping[str, Any] = {"role": "user", "content": "x"}


def _chat(**fields: Any) -> Asked:
    body = {"model": "gemini-3.8-flash", "messages": [_USER], **fields}
    return Asked("POST", _CHAT, "application/json", json.dumps(body).encode())


def _responses(**fields: Any) -> Asked:
    body = {"model": "gemini-3.8-flash", "input": "x", **fields}
    return Asked("POST", _RESPONSES, "application/json", json.dumps(body).encode())


def _raw(body: bytes, content_type: str = "application/json", target: str = _CHAT) -> Asked:
    return Asked("POST", target, content_type, body)


def _tool(name: str, parameters: Any = None) -> Any:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def _calls(count: int) -> list[Any]:
    call = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
    made = [call | {"id": f"c{number}"} for number in range(count)]
    results = [{"role": "tool", "tool_call_id": f"c{number}", "content": "y"} for number in range(count)]
    return [_USER, {"role": "assistant", "tool_calls": made}, *results]


def _items(count: int) -> list[Any]:
    steps = (
        (
            {"type": "reasoning", "summary": [], "encrypted_content": "gw1.e30="},
            {"type": "function_call", "call_id": f"c{number}", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": f"c{number}", "output": "y"},
        )
        for number in range(count)
    )
    return [_USER, *(item for step in steps for item in step)]


def _properties(count: int) -> Any:
    return {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(count)}}


def _chain(count: int) -> Any:
    defs = {
        f"D{number}": {"anyOf": [{"$ref": f"#/$defs/D{number + 1}"}, {"type": "null"}]}
        for number in range(count)
    }
    return {"type": "object", "properties": {"a": {"$ref": "#/$defs/D0"}}, "$defs": defs | {f"D{count}": {}}}


def _form(count: int) -> Asked:
    field = b'--X\r\nContent-Disposition: form-data; name="languages[]"\r\n\r\nfr\r\n'
    return _raw(field * count + b"--X--\r\n", "multipart/form-data; boundary=X", "/v1/audio/transcriptions")


type Shape = tuple[int, Callable[[int], Asked | bytes]]
"""A size, and what makes an input of that size, or of any other."""

REQUESTS: Mapping[str, Shape] = {
    "messages": (500, lambda n: _chat(messages=[_USER, {"role": "assistant", "content": "y"}] * n)),
    "one role": (1000, lambda n: _chat(messages=[_USER] * n)),
    "parts": (
        1000,
        lambda n: _chat(messages=[{"role": "user", "content": [{"type": "text", "text": "x"}] * n}]),
    ),
    "calls at once": (300, lambda n: _chat(messages=_calls(n))),
    "calls one by one": (300, lambda n: _responses(input=_items(n))),
    "tools": (100, lambda n: _chat(tools=[_tool(f"f{number}") for number in range(n)])),
    "tools of one name": (100, lambda n: _chat(tools=[_tool("f x")] * n)),
    "names that are long": (
        60,
        lambda n: _chat(tools=[_tool("x" * 70 + str(number)) for number in range(n)]),
    ),
    "properties": (500, lambda n: _chat(tools=[_tool("f", _properties(n))])),
    "references": (100, lambda n: _chat(tools=[_tool("f", _chain(n))])),
    "allOf": (200, lambda n: _chat(tools=[_tool("f", {"allOf": [_properties(3)] * n})])),
    "enum": (1000, lambda n: _chat(tools=[_tool("f", {"properties": {"a": {"enum": list(range(n))}}})])),
    "text": (200_000, lambda n: _chat(messages=[{"role": "user", "content": "x y" * n}])),
    "a name": (100_000, lambda n: _chat(model="gemini-" + "a*-" * n)),
    "stop": (1000, lambda n: _chat(stop=["x"] * n)),
    "markdown images": (
        300,
        lambda n: _chat(
            messages=[
                _USER,
                {"role": "assistant", "content": "![image](data:image/png;base64,iVBO" * n},
                _USER,
            ]
        ),
    ),
    "data URLs": (
        50_000,
        lambda n: _chat(messages=[{"role": "user", "content": [_image("data:" + ";a" * n)]}]),
    ),
    "white space of a data URL": (
        50_000,
        lambda n: _chat(messages=[{"role": "user", "content": [_image(" " * n + "data:")]}]),
    ),
    "arguments": (20_000, lambda n: _chat(messages=_arguments('{"a":' + "[" * 30 + "1," * n))),
    "deep": (2000, lambda n: _raw(b'{"model":"m","messages":' + b"[" * n)),
    "fields nobody knows": (2000, lambda n: _chat(**{f"x{number}": {"a": number} for number in range(n)})),
    "the same field": (2000, lambda n: _raw(b'{"model":"m",' + b'"a":1,' * n + b'"messages":[]}')),
    "digits": (1000, lambda n: _raw(b'{"model":"gpt-4o","seed":' + b"1" * n + b"}")),
    "a form": (200, _form),
    "boundaries that are none": (
        20_000,
        lambda n: _raw(b"\r\n--X" * n, "multipart/form-data; boundary=X", "/v1/audio/transcriptions"),
    ),
    "a content type": (
        2000,
        lambda n: _raw(b"--X--", "multipart/form-data" + '; a="\\' * n, "/v1/audio/transcriptions"),
    ),
    "a disposition": (
        2000,
        lambda n: _raw(
            b"--X\r\nContent-Disposition: form-data" + b"; a*=x'" * n + b"\r\n\r\nx\r\n--X--",
            "multipart/form-data; boundary=X",
            "/v1/audio/transcriptions",
        ),
    ),
    "a path": (2000, lambda n: Asked("GET", "/v1" + "/responses/x" * n, "", b"")),
    "slashes": (5000, lambda n: Asked("GET", "/v1" + "/" * n + "models/", "", b"")),
    "a query": (
        2000,
        lambda n: Asked("GET", "/v1/conversations/conv_known/items?" + "limit=1&" * n, "", b""),
    ),
}
STREAMS: Mapping[str, Shape] = {
    "events": (300, lambda n: _event('{"text":"x"}') * n),
    "parts of one event": (2000, lambda n: _event(",".join(['{"text":"x"}'] * n))),
    "one line": (200_000, lambda n: _event('{"text":"' + "x" * n + '"}')),
    "a line without an end": (200_000, lambda n: b"data: " + b"x" * n),
    "lines of one event": (20_000, lambda n: b"data: {\n" * n),
    "carriage returns": (50_000, lambda n: b"\r" * n),
    "stray JSON": (20_000, lambda n: b'[{"a":' * n),
    "braces": (50_000, lambda n: b"{" * n),
    "quotes": (50_000, lambda n: b'{"' + b'\\"' * n),
    "calls": (200, lambda n: _event('{"functionCall":{"name":"f","args":{}}}') * n),
    "citations": (300, lambda n: _event('{"text":"x"}', _grounding(n))),
}


def _image(url: str) -> Any:
    return {"type": "image_url", "image_url": {"url": url}}


def _arguments(text: str) -> list[Any]:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": text}}
    return [
        _USER,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": text},
    ]


def _event(part: str, more: str = "") -> bytes:
    return b'data: {"candidates":[{"content":{"parts":[%b]}%b}]}\r\n\r\n' % (part.encode(), more.encode())


def _grounding(count: int) -> str:
    chunks = [{"web": {"uri": f"https://a.example/{number}"}} for number in range(count)]
    supports = [{"segment": {"endIndex": 1}, "groundingChunkIndices": [number]} for number in range(count)]
    found = {"groundingChunks": chunks, "groundingSupports": supports}
    return f',"groundingMetadata":{json.dumps(found)}'


@dataclass(frozen=True, slots=True)
class Growth:
    """Made when they are asked for, since whoever collects tests need not have them."""

    target: str
    size: int
    make: Callable[[int], bytes]

    @property
    def small(self) -> bytes:
        return self.make(self.size)

    @property
    def large(self) -> bytes:
        return self.make(TIMES * self.size)


def growths(shapes: Mapping[str, Shape], *, part: int = 1, most: int = sys.maxsize) -> dict[str, Growth]:
    """By name, for each target that takes them. `part`: how much smaller they are than what is worth measuring.
    `most`: no size is larger.
    """
    return {
        f"{target}: {name}": Growth(target, min(size // part, most), make)
        for shape, (size, grown) in shapes.items()
        for target, name, make in _taken(shape, grown)
    }


def _taken(
    name: str, grown: Callable[[int], Asked | bytes]
) -> Iterator[tuple[str, str, Callable[[int], bytes]]]:
    """Targets, names, and what makes their inputs."""

    def make(size: int, head: bytes = b"") -> bytes:
        made = grown(size)
        return head + made if isinstance(made, bytes) else made.to_bytes()

    if name in STREAMS:
        yield "sse", name, make
        for question in _QUESTIONS:
            yield "answers", f"{name}, {question}", partial(make, head=b"%d 200\n" % question)
        return
    yield "chat", name, make
    if name not in _TRIED_ONE_BY_ONE:
        yield "views", name, make


async def seconds(target: str, content: bytes) -> float:
    """Of the processor."""
    async with InProcess() as gateway:
        began = time.process_time()
        await TARGETS[target].check(gateway, content)
        return time.process_time() - began


async def calls(gateway: InProcess, target: str, content: bytes) -> int:
    """Of functions; the same on every machine, but blind to what takes long inside of one."""
    count = 0

    def counted(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(counted)
    try:
        await TARGETS[target].check(gateway, content)
    finally:
        sys.setprofile(None)
    return count


def main() -> int:
    """Print what grows, and how fast. Gives how many grow too fast."""
    wrong = 0
    print(f"{'input':45} {'ms':>9} {'ms, 4 times as much':>20}")
    for name, growth in (growths(REQUESTS) | growths(STREAMS)).items():
        small = min(asyncio.run(seconds(growth.target, growth.small)) for _ in range(2))
        large = asyncio.run(seconds(growth.target, growth.large))
        is_too_fast = large > ENOUGH_SECONDS and large > WORST * small
        wrong += is_too_fast
        if large > ENOUGH_SECONDS:
            print(
                f"{name:45} {small * 1000:9.1f} {large * 1000:20.1f}  {'too fast' if is_too_fast else ''}",
                flush=True,
            )
    return wrong
