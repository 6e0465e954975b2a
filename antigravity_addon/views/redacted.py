"""Bodies of either protocol -> the same bodies without what was said in them.

What stays is the shape: names of fields, roles, models, parameters, ids, reasons, figures of usage, and as many events
as there were. A string stays only if its field is known to hold a word of the protocol and it looks like one; every
other string is content, whatever its field, since peers invent fields. What cannot be read is replaced whole.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from math import isfinite

from pydantic import TypeAdapter, ValidationError

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.wire.base import Json, JsonObject
from antigravity_addon.wire.json_values import has_more_values
from antigravity_addon.wire.openai_audio.multipart import FormPart, boundary_of, read_form

from .stream_lines import changed_stream

LONGEST_KEPT = 64
"""Characters of a string, or of a field's name. Ids are no longer."""
_LARGEST_KEPT = 10**15
"""Of numbers: figures and dates stay, what may be a text in disguise does not."""

_MOST_VALUES = 100_000
_MOST_LINES = 50_000

_JSON: TypeAdapter[Json] = TypeAdapter(Json)
_WORD = re.compile(rf"[A-Za-z0-9_.:/@$#+\[\]-]{{0,{LONGEST_KEPT}}}")
_REDACTED_NAME = re.compile(r"\[redacted [0-9]{1,9} characters?\](?: [0-9]{1,9})?")
_REDACTED = re.compile(r"\[redacted [0-9]{1,9} (?:character|byte|number)s?\]")
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+(?:;base64)?),")

_KEPT = frozenset(
    [
        "@type",
        "$ref",
        "$schema",
        "allowedfunctionnames",
        "background",
        "blockreason",
        "callid",
        "category",
        "consumer",
        "conversation",
        "createtime",
        "detail",
        "domain",
        "effort",
        "event",
        "finishreason",
        "format",
        "functioncallingconfig",
        "id",
        "include",
        "itemid",
        "mediaresolution",
        "mimetype",
        "modalities",
        "modality",
        "mode",
        "model",
        "modelversion",
        "name",
        "object",
        "outcome",
        "outputformat",
        "ownedby",
        "phase",
        "previousresponseid",
        "probability",
        "project",
        "promptcacheretention",
        "propertyordering",
        "quality",
        "quotaid",
        "quotalimit",
        "quotametric",
        "reason",
        "reasoningeffort",
        "required",
        "responseformat",
        "responseid",
        "responsemimetype",
        "responsemodalities",
        "retrydelay",
        "role",
        "service",
        "servicetier",
        "severity",
        "size",
        "status",
        "style",
        "syntax",
        "systemfingerprint",
        "threshold",
        "thinkinglevel",
        "timestampgranularities",
        "toolcallid",
        "toolchoice",
        "traceid",
        "traffictype",
        "truncation",
        "type",
        "userpromptid",
        "verbosity",
        "voice",
        "voicename",
    ]
)
"""Fields of either protocol that hold a word of it, in lower case and without `_`."""
_WHEN_BESIDE = {"code": "message", "param": "message"}
"""Fields that do so only beside another one: `code` is a program elsewhere."""
_NAMES_A_PERSON_BESIDE = "role"
_FREE = frozenset(
    {"args", "arguments", "bytes", "const", "default", "enum", "example", "examples", "logitbias", "metadata"}
    | {"partialargs", "prompt", "tokenid", "tokens", "variables"}
)
"""Fields in which everything is content, numbers too, down to the last level."""
_FORM_FIELDS = frozenset(
    {
        "model",
        "response_format",
        "language",
        "temperature",
        "stream",
        "timestamp_granularities[]",
        "include[]",
    }
)


def redacted_body(body: bytes, content_type: str) -> bytes:
    """Never raises, whatever the bytes; `content_type` is the message's header."""
    match content_type.partition(";")[0].strip().lower():
        case "multipart/form-data":
            return _form(body, content_type)
        case "text/event-stream" if _takes_long(body):
            return b": %b\n" % _whole(body)
        case _ if _takes_long(body):
            return _whole(body)
        case "text/event-stream":
            return changed_stream(body, data=_data, line=_line)
        case _:
            return _document(body)


def _takes_long(body: bytes) -> bool:
    """Everybody waits until it is done: before that, somebody could see what was said."""
    return has_more_values(body, _MOST_VALUES) or body.count(b"\n") + body.count(b"\r") > _MOST_LINES


def _document(body: bytes) -> bytes:
    if not body.strip():
        return body
    try:
        document = _JSON.validate_json(body)
    except ValidationError:
        return _whole(body)
    if not isinstance(document, dict | list):
        return _whole(body)
    return json.dumps(_value(document, key=""), separators=(",", ":")).encode()


def _whole(body: bytes) -> bytes:
    return body if _REDACTED.fullmatch(body.decode("latin-1")) else _said(len(body), "byte").encode()


def _said(count: int, unit: str) -> str:
    return f"[redacted {count} {unit}{'' if count == 1 else 's'}]"


# --- JSON --------------------------------------------------------------------------------------------------


def _value(value: Json, *, key: str) -> Json:
    """`key` is the name of the field that holds it, in `_KEPT`'s words."""
    match value:
        case dict():
            return _object(value)
        case list() if value and all(_is_number(each) for each in value):
            return _said(len(value), "number")  # tokens, or bytes
        case list():
            return [_value(each, key=key) for each in value]
        case str():
            return value if key in _KEPT and _WORD.fullmatch(value) else _string(value)
        case _:
            return _number(value)


def _object(fields: JsonObject) -> JsonObject:
    names = {_plain(name) for name in fields}
    kept: JsonObject = {}
    for name, value, written in _named(fields):
        plain = _plain(name)
        if plain in _FREE and not (plain == "metadata" and "@type" in names):
            kept[written] = _arguments(value) if plain == "arguments" else _free(value)
        elif plain == "response" and "name" in names:
            kept[written] = _free(value)  # of a function; elsewhere it is that of a model
        elif (beside := _WHEN_BESIDE.get(plain)) is not None and beside in names:
            kept[written] = _value(value, key="id")
        elif plain == "name" and _NAMES_A_PERSON_BESIDE in names:
            kept[written] = _value(value, key="")
        else:
            kept[written] = _value(value, key=plain)
    return kept


def _free(value: Json) -> Json:
    match value:
        case dict():
            return {written: _free(each) for _, each, written in _named(value)}
        case list() if value and all(_is_number(each) for each in value):
            return _said(len(value), "number")
        case list():
            return [_free(each) for each in value]
        case str():
            return _string(value)
        case bool() | None:
            return value
        case _:
            return _said(1, "number")


def _arguments(value: Json) -> Json:
    """Of a tool's call: an object written as a string, which stays one. A piece of one is a string like any other."""
    if isinstance(value, str):
        try:
            inner = _JSON.validate_json(value)
        except ValidationError:
            return _string(value)
        if isinstance(inner, dict):
            return json.dumps(_free(inner), separators=(",", ":"))
    return _free(value)


def _string(value: str) -> str:
    if not value or _REDACTED.fullmatch(value):
        return value
    if (url := _DATA_URL.match(value[: 2 * LONGEST_KEPT])) and len(url[1]) <= LONGEST_KEPT:
        is_redacted = _REDACTED.fullmatch(value, url.end()) is not None
        return value if is_redacted else url[0] + _said(len(value) - url.end(), "character")
    return _said(len(value), "character")


def _number(value: float | None) -> Json:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST_KEPT else _said(1, "number")
    return value if isfinite(value) else _said(1, "number")


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _named(fields: JsonObject) -> Iterator[tuple[str, Json, str]]:
    """Name, value, and what the field is called now: its name, unless that is content itself; two that are stay two."""
    taken: set[str] = set()
    numbers: Counter[str] = Counter()
    for name, value in fields.items():
        written = name
        if not _WORD.fullmatch(name) and (name in taken or not _REDACTED_NAME.fullmatch(name)):
            said = written = _said(len(name), "character")
            while written in taken:
                numbers[said] += 1
                written = f"{said} {numbers[said] + 1}"
        taken.add(written)
        yield name, value, written


# --- streams -----------------------------------------------------------------------------------------------


def _data(data: bytes) -> bytes:
    if data == b"[DONE]":
        return data
    return _document(data) if data.strip() else b""


def _line(line: bytes) -> bytes:
    """What is no data: an event's name, a comment, or JSON that stands between the events."""
    field, _, rest = line.partition(b":")
    text = rest.removeprefix(b" ").decode("latin-1")
    if field in {b"", b"event", b"id", b"retry"}:
        said = text if _WORD.fullmatch(text) or _REDACTED.fullmatch(text) else _said(len(text), "byte")
        return b"%b: %b" % (field, said.encode())
    return b": " + _said(len(line), "byte").encode()


# --- forms -------------------------------------------------------------------------------------------------


def _form(body: bytes, content_type: str) -> bytes:
    try:
        boundary, parts = boundary_of(content_type), read_form(body, content_type)
    except InvalidRequest:
        return _whole(body)
    return b"".join(_written(parts, boundary))


def _written(parts: Iterable[FormPart], boundary: bytes) -> Iterator[bytes]:
    for part in parts:
        name = part.name if _WORD.fullmatch(part.name) else _said(len(part.name), "character")
        text = part.content.decode("latin-1")
        is_word = part.filename is None and part.name in _FORM_FIELDS and _WORD.fullmatch(text)
        file = "" if part.filename is None else f'; filename="{_string(part.filename)}"'
        kind = "" if part.filename is None else f"Content-Type: {_mime_type(part.mime_type)}\r\n"
        head = f'Content-Disposition: form-data; name="{name}"{file}\r\n{kind}\r\n'
        yield b"--%b\r\n%b%b\r\n" % (
            boundary,
            head.encode(),
            part.content if is_word else _whole(part.content),
        )
    yield b"--%b--\r\n" % boundary


def _mime_type(mime_type: str) -> str:
    return mime_type if _WORD.fullmatch(mime_type) else "application/octet-stream"
