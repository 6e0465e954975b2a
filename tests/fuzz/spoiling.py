"""What is done to sound things until nobody would send them.

Every choice is drawn from a `random.Random`. A seeded one makes long runs, hypothesis has one that shrinks, and
`Drawn` takes its choices from the bytes that atheris has found to lead somewhere new.
"""

import base64
import copy
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, Self, override

type Place = tuple[str | int, ...]

NAMES = (
    *("model", "messages", "input", "role", "content", "type", "text", "tools", "tool_choice", "name", "id"),
    *("parameters", "properties", "items", "$ref", "$defs", "enum", "anyOf", "allOf", "const", "required"),
    *("function", "arguments", "call_id", "output", "encrypted_content", "url", "image_url", "file_data"),
    *("stream", "n", "stop", "schema", "format", "additionalProperties", "prefixItems", "not", "oneOf"),
)
TEXTS = (
    *(
        "",
        " ",
        "\0",
        "\ud800",
        "\udfff\ud800",
        "\u202eabc\u202c",
        "\ufeff",
        "é",
        "é",
        "🦀" * 9,
        "\x7f\x1b[31m",
    ),
    *(
        "x" * 70,
        "x" * 5000,
        "../" * 40,
        "null",
        "NaN",
        "1e999",
        "{}",
        "[",
        '{"a":',
        "[DONE]",
        "data: x\n\n",
        "%s{0}",
    ),
    *("data:image/png;base64,iVBORw0KGgo=", "data:;base64,", "data:,x", "data:image/svg+xml,<svg/>"),
    *(
        "data:image/png;base64,ÿ",
        "data:text/plain;charset=utf-16;base64,//4=",
        "gs://a/b",
        "http://[",
        "file:///x",
    ),
    *(
        "https://a.example/b.png",
        "https://youtu.be/x",
        "resp_known",
        "conv_known",
        "msg_known",
        "call_1",
        "c",
    ),
    *(
        "gpt-4o",
        "gemini-2.5-flash",
        "gemini-3.8-flash",
        "gemini-4-neon",
        "gemini-2.5-flash-image",
        "m:online",
    ),
    *(
        "auto",
        "none",
        "required",
        "user",
        "assistant",
        "system",
        "tool",
        "function",
        "low",
        "max",
        "#/$defs/A",
        "#",
    ),
    *(
        "object",
        "array",
        "string",
        "integer",
        "null",
        "message",
        "reasoning",
        "function_call_output",
        "json_schema",
    ),
    *(
        "gw1.",
        "gw1.e30=",
        "skip_thought_signature_validator",
        "RSIEIwoh",
        "a\r\nb",
        "\u2028",
        "٣",
        "0x10",
        "-0",
    ),
)
NUMBERS = (
    *(0, -1, 1, 2, 0.5, -0.0, 1.0, 1e308, 5e-324, 2**31, -(2**31) - 1, 2**53 + 1, 2**63, 2**64, 10**400),
    *(math.nan, math.inf, -math.inf, 65_536, 65_537, 100, 0.1 + 0.2, 1e22),
)
MODELS = (
    *("gemini-2.5-flash", "gemini-2.5-pro", "gemini-2.5-flash-lite", "gemini-2.5-flash-image"),
    *(
        "gemini-3.1-pro-preview",
        "gemini-3.5-flash-lite",
        "gemini-3.8-flash",
        "gemini-4-neon",
        "gemini-4-argon",
    ),
    *("gemini-3-pro-image", "gpt-4o", "o3", "gemini-3-flash-preview"),
)


class Drawn(Random):
    """Choices from bytes; when there are no more, always the first one."""

    def __new__(cls, content: bytes) -> Self:  # noqa: ARG004  Random would hash it
        return super().__new__(cls)

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @override
    def getrandbits(self, k: int, /) -> int:
        size = (k + 7) // 8
        piece = self._content[self._at : self._at + size]
        self._at += size
        return int.from_bytes(piece.ljust(size, b"\0"), "little") & ((1 << k) - 1)

    @override
    def random(self) -> float:
        return self.getrandbits(53) / 2**53


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Of all that is inside of `value`."""
    if not isinstance(value, dict | list):
        return
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    for step, inner in steps:
        yield (*at, step)
        if isinstance(inner, dict | list):
            yield from places(inner, (*at, step))


def at(value: Any, place: Place) -> Any:
    for step in place:
        value = value[step]
    return value


# --- JSON ------------------------------------------------------------------------------------------------


def any_value(random: Random, others: Sequence[Any] = (), depth: int = 0) -> Any:
    """Something strange, or something that belongs elsewhere."""
    match random.randrange(10 if depth < 3 else 6):
        case 0:
            return random.choice((None, True, False))
        case 1:
            return random.choice(NUMBERS)
        case 2 | 3:
            return random.choice(TEXTS)
        case 4 | 5:
            return _borrowed(random, others) if others else random.choice(TEXTS)
        case 6:
            return [any_value(random, others, depth + 1) for _ in range(random.randrange(4))]
        case 7 | 8:
            names = [random.choice((*NAMES, *TEXTS[:6])) for _ in range(random.randrange(4))]
            return {name: any_value(random, others, depth + 1) for name in names}
        case _:
            return _deep(random)


def _borrowed(random: Random, others: Sequence[Any]) -> Any:
    other = random.choice(others)
    found = list(places(other)) if isinstance(other, dict | list) else []
    return copy.deepcopy(at(other, random.choice(found))) if found else other


def _deep(random: Random) -> Any:
    name = random.choice((*NAMES, ""))
    value: Any = random.choice(TEXTS[:4])
    for _ in range(random.choice((20, 60, 99, 101, 180))):
        value = {name: value} if name else [value]
    return value


def spoiled(random: Random, sound: Any, others: Sequence[Any] = ()) -> Any:
    """With a few things replaced, repeated, moved, renamed, added or gone."""
    body = copy.deepcopy(sound)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5))):
        found = list(places(body))
        if not found:
            return any_value(random, others)
        _spoil(random, body, random.choice(found), found, others)
    return body


def _spoil(random: Random, body: Any, place: Place, found: list[Place], others: Sequence[Any]) -> None:
    *way, last = place
    holder = at(body, tuple(way))
    match random.randrange(10):
        case 0 | 1 | 2:
            holder[last] = any_value(random, others)
        case 3:
            holder[last] = _retyped(random, holder[last])
        case 4:
            del holder[last]
        case 5:
            holder[last] = copy.deepcopy(at(body, random.choice(found)))
        case 6 if isinstance(holder, list):
            holder.insert(random.randrange(len(holder) + 1), copy.deepcopy(random.choice(holder)))
        case 7 if isinstance(holder, dict):
            holder[random.choice(NAMES)] = holder.pop(last)
        case 8 if isinstance(holder, dict):
            holder[random.choice(NAMES)] = any_value(random, others)
        case _:
            holder[last] = _same_kind(random, holder[last])


def _retyped(random: Random, value: Any) -> Any:
    match random.randrange(5):
        case 0:
            return [value]
        case 1:
            return {random.choice(NAMES): value}
        case 2:
            return json.dumps(value)
        case 3:
            return [value, copy.deepcopy(value)]
        case _:
            return None


def _same_kind(random: Random, value: Any) -> Any:
    match value:
        case bool() | None:
            return not value
        case int() | float():
            return random.choice(NUMBERS)
        case str():
            return spoiled_text(random, value)
        case list():
            return value * random.choice((0, 2, 40))
        case _:
            return {}


def to_bytes(random: Random, value: Any) -> bytes:
    """JSON, mostly."""
    text = json.dumps(value)
    match random.randrange(30):
        case 0:
            return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
        case 1:
            return text.encode("utf-16")
        case 2:
            return b"\xef\xbb\xbf" + text.encode()
        case 3:
            return text[: random.randrange(len(text) + 1)].encode()
        case 4:
            return spoiled_bytes(random, text.encode())
        case 5:
            return text.encode() + random.choice((b"x", b"{}", b"\0", b" ", b"\n\n"))
        case 6 if text.startswith("{") and len(text) > 2:
            # the name of a field comes twice
            name = json.dumps(random.choice(list(value)))
            return f"{{{name}:{json.dumps(random.choice(TEXTS))},{text[1:]}".encode()
        case _:
            return text.encode()


# --- text and bytes --------------------------------------------------------------------------------------


def spoiled_text(random: Random, text: str) -> str:
    """Cut, doubled, or with something in it."""
    start = random.randrange(len(text) + 1)
    end = min(len(text), start + random.randrange(9))
    match random.randrange(6):
        case 0:
            return text[:start]
        case 1:
            return text[:start] + random.choice(TEXTS) + text[end:]
        case 2:
            return text[:start] + text[end:]
        case 3:
            return text[:end] + text[start:]
        case 4:
            return text.swapcase()
        case _:
            return (
                text[:start]
                + chr(random.choice((0, 9, 10, 13, 34, 39, 58, 92, 123, 133, 160, 8232)))
                + text[end:]
            )


PIECES = (
    *(
        b"\0",
        b"\xff",
        b"\xc3\x28",
        b"\r",
        b"\n",
        b"\r\n\r\n",
        b"\n\n",
        b"data:",
        b"data: {}\n\n",
        b":",
        b"event: x\n",
    ),
    *(
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"\\ud800",
        b"NaN",
        b"null",
        b"1e999",
        b"-",
        b"0",
        b"\xef\xbb\xbf",
    ),
    *(
        b"--X",
        b"--X--",
        b"; name*=utf-8''%ff",
        b'"candidates":',
        b"&a ",
        b"*a ",
        b"!!python/none",
        b"? ",
        b"<<: ",
        b"\t",
    ),
)


def spoiled_bytes(random: Random, content: bytes, pieces: Sequence[bytes] = PIECES) -> bytes:
    """With a few bytes flipped, cut out, doubled or put in."""
    for _ in range(random.choice((1, 1, 2, 4))):
        start = random.randrange(len(content) + 1)
        end = min(len(content), start + random.choice((0, 1, 2, 8, 40, 400)))
        match random.randrange(6):
            case 0:
                content = content[:start] + bytes([random.randrange(256)]) + content[start + 1 :]
            case 1:
                content = content[:start] + random.choice(pieces) + content[end:]
            case 2:
                content = content[:start] + content[end:]
            case 3:
                content = content[:end] + content[start:]
            case 4:
                content = content[:start]
            case _:
                content = content[:start] + random.choice(pieces) + content[start:]
    return content


def any_bytes(random: Random) -> bytes:
    pieces = (
        random.choice(PIECES) if random.randrange(3) else bytes([random.randrange(256)]) for _ in range(12)
    )
    return b"".join(list(pieces)[: random.randrange(13)])


def carried(random: Random, fields: Mapping[str, Any]) -> str:
    """What clients carry back for us, not quite as they were given it."""
    content = json.dumps(spoiled(random, fields) if random.randrange(2) else fields).encode()
    text = "gw1." + base64.urlsafe_b64encode(content).decode()
    return spoiled_text(random, text) if random.randrange(2) else text


# --- schemas ---------------------------------------------------------------------------------------------

_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null", "file", "")
_VALUES: Sequence[Any] = (*NUMBERS, *TEXTS, None, {}, [])
_MADE_OF: Mapping[str, Callable[[Random, int], Any]] = {
    "type": lambda random, _: random.choice((*_TYPES, ["object", "null"], ["string", "integer"], ["x"], [])),
    "properties": lambda random, depth: {
        random.choice(("a", "b", "", "$ref", "x y", "__proto__")): schema(random, depth + 1) for _ in range(2)
    },
    "items": lambda random, depth: random.choice(
        (schema(random, depth + 1), [schema(random, depth + 1)], True)
    ),
    "prefixItems": lambda random, depth: [schema(random, depth + 1) for _ in range(2)],
    "additionalProperties": lambda random, depth: random.choice((True, False, schema(random, depth + 1))),
    "anyOf": lambda random, depth: [schema(random, depth + 1) for _ in range(random.randrange(3))],
    "oneOf": lambda random, depth: [schema(random, depth + 1) for _ in range(2)],
    "allOf": lambda random, depth: [schema(random, depth + 1) for _ in range(2)],
    "not": lambda random, depth: schema(random, depth + 1),
    "if": lambda random, depth: schema(random, depth + 1),
    "patternProperties": lambda random, depth: {"^a": schema(random, depth + 1)},
    "$ref": lambda random, _: random.choice(
        ("#/$defs/A", "#/$defs/B", "#", "#/properties/a", "x", "#/$defs/C~1d", 1)
    ),
    "$defs": lambda random, depth: {name: schema(random, depth + 1) for name in ("A", "B")},
    "definitions": lambda random, depth: {"A": schema(random, depth + 1)},
    "required": lambda random, _: random.choice((["a"], ["a", "a", "z"], "a", [1], [])),
    "enum": lambda random, _: [random.choice(_VALUES) for _ in range(3)],
    "const": lambda random, _: random.choice(_VALUES),
    "default": lambda random, _: any_value(random),
    "minimum": lambda random, _: random.choice((*NUMBERS, "1")),
    "exclusiveMaximum": lambda random, _: random.choice((*NUMBERS, True)),
    "minLength": lambda random, _: random.choice((*NUMBERS, "1")),
    "maxItems": lambda random, _: random.choice((*NUMBERS, "1")),
    "pattern": lambda random, _: random.choice(TEXTS),
    "format": lambda random, _: random.choice(("date-time", "enum", "uri", "int32", "", 1)),
    "nullable": lambda random, _: random.choice((True, "true")),
    "title": lambda random, _: random.choice(TEXTS),
    "description": lambda random, _: random.choice((*TEXTS, 1)),
    "x-own": lambda random, _: any_value(random),
    "propertyOrdering": lambda random, _: random.choice((["a"], ["z"], "a")),
}


def schema(random: Random, depth: int = 0) -> Any:
    """A JSON Schema, or what looks like one."""
    if depth > 4 or not random.randrange(12):
        return random.choice((True, False, {}, None, "x", {"type": "string"}))
    keywords = {random.choice(list(_MADE_OF)) for _ in range(random.randrange(1, 5))}
    return {keyword: _MADE_OF[keyword](random, depth) for keyword in sorted(keywords)}
