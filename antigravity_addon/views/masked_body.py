"""Bodies of either protocol -> the same bodies for strangers, see `masks`.

Bytes are not enough. JSON may write a character in several ways, and a stream hands out a text in pieces: a name that
begins in one event and ends in the next is in neither. So strings are looked at as they are read, and those that belong
together in one. Where only together they give something away, the text stands in the first of them from then on.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from antigravity_addon.wire.base import Json, JsonObject

from .masks import Masks
from .stream_lines import changed_stream

_JSON: TypeAdapter[Json] = TypeAdapter(Json)
_ONE_TEXT = frozenset({"logprobs", "logprobsResult", "parts"})
"""Lists in these fields hold one text in pieces: tokens, and what Gemini has said since the last event."""


def masked_body(body: bytes, content_type: str, masks: Masks) -> bytes:
    """Never raises, whatever the bytes; `content_type` is the message's header."""
    body = masks(body)
    if content_type.partition(";")[0].strip().lower() == "text/event-stream":
        return _stream(body, masks)
    (masked,) = _together([body], masks)
    return masked


def _stream(body: bytes, masks: Masks) -> bytes:
    datas: list[bytes] = []
    changed_stream(body, data=lambda data: _noted(data, datas), line=bytes)
    masked = iter(_together(datas, masks))
    return changed_stream(body, data=lambda data: _one_line(next(masked, data)), line=bytes)


def _noted(data: bytes, datas: list[bytes]) -> bytes:
    datas.append(data)
    return b""


def _one_line(data: bytes) -> bytes:
    """JSON over several lines is the same in one."""
    return b" ".join(data.splitlines())


# --- strings that belong together --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    put: Callable[[Json], None]
    """In its place."""
    is_escaped: bool
    """Some of it may be spelt otherwise in the bytes, which are masked by now."""


def _together(datas: Iterable[bytes], masks: Masks) -> Iterator[bytes]:
    """Of one body, in their order. What is no JSON stays as it is."""
    datas = tuple(datas)
    documents = [_read(data) for data in datas]
    before = [json.dumps(document) for document in documents]
    tracks: defaultdict[tuple[str, ...], list[_Piece]] = defaultdict(list)
    for data, document in zip(datas, documents, strict=True):
        for track, text, put in _pieces(document, ()):
            tracks[track].append(_Piece(text, put, is_escaped=b"\\" in data))
    for pieces in tracks.values():
        _mask(pieces, masks)
    for data, document, was in zip(datas, documents, before, strict=True):
        yield data if json.dumps(document) == was else json.dumps(document, separators=(",", ":")).encode()


def _read(data: bytes) -> Json:
    try:
        return _JSON.validate_json(data)
    except ValidationError:
        return None


def _mask(pieces: list[_Piece], masks: Masks) -> None:
    # what is spelt as it is read was looked at with the bytes
    if len(pieces) == 1 and not pieces[0].is_escaped:
        return
    alone = [masks.text(piece.text) if piece.is_escaped else piece.text for piece in pieces]
    joined = "".join(alone)
    masked = masks.text(joined)
    if masked != joined:
        alone = [masked, *("" for _ in alone[1:])]
    for piece, text in zip(pieces, alone, strict=True):
        if text != piece.text:
            piece.put(text)


type _Place = tuple[tuple[str, ...], str, Callable[[Json], None]]
"""What a string belongs to, the string, and how it is replaced."""


def _pieces(value: Json, track: tuple[str, ...]) -> Iterator[_Place]:
    """Every string, with what it belongs to: the same place of other documents, and of other tokens."""
    match value:
        case dict():
            track = (*track, *_marks(value))
            for name, inner in value.items():
                yield from _child(inner, (*track, name), lambda new, name=name: value.update({name: new}))
        case list():
            is_one_text = not _ONE_TEXT.isdisjoint(track)
            for index, inner in enumerate(value):
                # what has a number of its own may stand anywhere
                is_placed = not is_one_text and not (isinstance(inner, dict) and any(_numbers(inner)))
                where = (*track, str(index)) if is_placed else track
                yield from _child(inner, where, lambda new, index=index: value.__setitem__(index, new))
        case _:
            pass


def _child(value: Json, track: tuple[str, ...], put: Callable[[Json], None]) -> Iterator[_Place]:
    match value:
        case str():
            yield track, value, put
        case [*numbers] if track[-1] == "bytes" and (text := _text_of(numbers)):
            yield track, text, lambda new: put(list(str(new).encode()))
        case _:
            yield from _pieces(value, track)


def _text_of(numbers: list[Json]) -> str:
    """Of a token, given as the bytes of its text; empty if it is none."""
    whole = [number for number in numbers if isinstance(number, int) and 0 <= number < 256]
    return bytes(whole).decode("utf-8", "replace") if len(whole) == len(numbers) else ""


def _marks(fields: JsonObject) -> Iterator[str]:
    """Which of several texts that are handed out in turn a piece is of."""
    yield from _numbers(fields)
    for name in ("type", "thought"):
        if name in fields:
            yield f"{name}={fields[name]}"


def _numbers(fields: JsonObject) -> Iterator[str]:
    for name, value in fields.items():
        if name.lower().endswith("index") and isinstance(value, int):
            yield f"{name}={value}"
