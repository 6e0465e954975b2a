"""Protobuf's JSON mapping as Google's front end reads it: strict about names, lenient about spelling.

A message is a frozen dataclass whose annotations are its descriptor. Names may come in camelCase or
snake_case, base64 in either alphabet, one value where a list is due; an unknown name is refused at any
depth. `Json` and `JsonObject` fields (google.protobuf.Value and Struct) are free and only carried.
"""

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache, partial
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from antigravity_addon.wire.base import Json, JsonObject

from .status import Violation, malformed

DEEPEST = 100
"""Levels of nesting that protobuf's JSON parser follows."""
PACKAGE = "google.ai.generativelanguage.v1beta"
INT32 = range(-(2**31), 2**31)


def load(body: bytes) -> Json:
    """
    Raises:
        Refused: no JSON, or JSON that protobuf cannot hold (lone surrogates, infinities, abysmal nesting).
    """
    try:
        text = body.decode()
        value: Json = json.loads(text, parse_constant=_no_constant) if text.strip() else {}
    except RecursionError:
        raise _unreadable("Message too deep.") from None
    except ValueError as error:
        raise _unreadable(str(error)) from error
    _check_representable(value)
    return value


def parse[M](message: type[M], value: Json) -> M:
    """
    Raises:
        Refused: with every unknown name and every value of a wrong type, each at its path.
    """
    if not isinstance(value, dict):
        raise _unreadable('Unknown name "": Root element must be a message.')
    violations: list[Violation] = []
    parsed = _message(message, value, "", violations)
    if violations or not isinstance(parsed, message):
        raise malformed(*violations)
    return parsed


def _unreadable(reason: str) -> Exception:
    return malformed(Violation("", f"Invalid JSON payload received. {reason}"))


def _no_constant(name: str) -> float:
    raise ValueError(f"Unexpected token.\n{name}")


def _check_representable(root: Json) -> None:
    waiting: list[tuple[Json, int]] = [(root, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST:
            raise _unreadable(f"Message too deep. Max recursion depth reached: {DEEPEST}.")
        match value:
            case dict():
                for name, item in value.items():
                    _check_text(name)
                    waiting.append((item, depth + 1))
            case list():
                waiting.extend((item, depth + 1) for item in value)
            case str():
                _check_text(value)
            case bool() | None:
                pass
            case int() | float():
                _check_number(value)


def _check_text(text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _unreadable("Invalid \\u escape: a surrogate without its pair.") from None


def _check_number(number: float) -> None:
    try:
        finite = math.isfinite(number)
    except OverflowError:
        finite = False
    if not finite:
        raise _unreadable("Number exceeds the range of a double.")


# --- readers: each takes a value and its place, and gives what the field holds or reports a violation ----

type Reader = Callable[[Json, str, list[Violation]], object]


@dataclass(frozen=True, slots=True)
class _Unread:
    """Stands for a value that was reported instead of read."""


UNREAD = _Unread()


def _unknown(name: str, place: str, reason: str) -> Violation:
    at = f" at '{place}'" if place else ""
    return Violation(place, f'Invalid JSON payload received. Unknown name "{name}"{at}: {reason}')


def _wrong(value: Json, place: str, kind: str) -> Violation:
    shown = json.dumps(value, ensure_ascii=False)
    return Violation(place, f"Invalid value at '{place}' ({kind}), {shown[:200]}")


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    read: Reader
    repeated: bool


@cache
def _fields(message: type) -> Mapping[str, _Field]:
    """The fields of a message, under each of their spellings."""
    hints = get_type_hints(message)
    table: dict[str, _Field] = {}
    for item in fields(message):
        annotation = _without_none(hints[item.name])
        field = _Field(item.name, _reader(annotation), get_origin(annotation) is tuple)
        table[item.name] = table[camel(item.name)] = field
    return table


def _without_none(annotation: Any) -> Any:  # noqa: ANN401 - annotations are values of any type
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = (kind for kind in get_args(annotation) if kind is not type(None))
    return annotation


def _reader(annotation: Any) -> Reader:  # noqa: ANN401 - annotations are values of any type
    if annotation in SCALARS:
        return SCALARS[annotation]
    match get_origin(annotation):
        case origin if origin is tuple:
            return partial(_repeated, _reader(get_args(annotation)[0]))
        case origin if origin is Mapping:
            return partial(_map, _reader(get_args(annotation)[1]))
        case _ if isinstance(annotation, type) and is_dataclass(annotation):
            return partial(_message, annotation)
        case _ if issubclass(annotation, StrEnum):
            return partial(_enum, annotation)
        case _:
            raise TypeError(f"no reader for {annotation!r}")


def _message(message: type, value: Json, place: str, violations: list[Violation]) -> object:
    if not isinstance(value, dict):
        violations.append(_wrong(value, place, f"type.googleapis.com/{PACKAGE}.{message.__name__}"))
        return UNREAD
    known = _fields(message)
    arguments: dict[str, object] = {}
    for name, item in value.items():
        field = known.get(name)
        if field is None:
            violations.append(_unknown(name, place, "Cannot find field."))
        elif isinstance(item, list) and not field.repeated and field.read not in FREE:
            reason = "Proto field is not repeating, cannot start list."
            violations.append(_unknown(name, place, reason))
        elif item is not None:
            inner = f"{place}.{field.name}" if place else field.name
            arguments[field.name] = field.read(item, inner, violations)
    return UNREAD if violations else message(**arguments)


def _repeated(read: Reader, value: Json, place: str, violations: list[Violation]) -> object:
    items = value if isinstance(value, list) else [value]
    return tuple(read(item, f"{place}[{index}]", violations) for index, item in enumerate(items))


def _map(read: Reader, value: Json, place: str, violations: list[Violation]) -> object:
    if not isinstance(value, dict):
        violations.append(_wrong(value, place, "map"))
        return UNREAD
    return {
        key: read(item, f"{place}[{index}].value", violations)
        for index, (key, item) in enumerate(value.items())
    }


def _enum(kind: type[StrEnum], value: Json, place: str, violations: list[Violation]) -> object:
    if isinstance(value, str) and value.upper() in kind:
        return kind(value.upper())
    violations.append(_wrong(value, place, f"type.googleapis.com/{PACKAGE}.{kind.__name__}"))
    return UNREAD


def _string(value: Json, place: str, violations: list[Violation]) -> object:
    if isinstance(value, str):
        return value
    violations.append(_wrong(value, place, "TYPE_STRING"))
    return UNREAD


def _int32(value: Json, place: str, violations: list[Violation]) -> object:
    number = _number(value)
    if number is not None and number == int(number) and int(number) in INT32:
        return int(number)
    violations.append(_wrong(value, place, "TYPE_INT32"))
    return UNREAD


def _float(value: Json, place: str, violations: list[Violation]) -> object:
    number = _number(value)
    if number is not None:
        return float(number)
    violations.append(_wrong(value, place, "TYPE_FLOAT"))
    return UNREAD


def _number(value: Json) -> float | None:
    """Protobuf takes numbers in quotes, too."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) else None


def _bool(value: Json, place: str, violations: list[Violation]) -> object:
    if isinstance(value, bool):
        return value
    violations.append(_wrong(value, place, "TYPE_BOOL"))
    return UNREAD


def _bytes(value: Json, place: str, violations: list[Violation]) -> object:
    if isinstance(value, str):
        standard = value.replace("-", "+").replace("_", "/").rstrip("=")
        try:
            return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
        except (binascii.Error, ValueError):
            pass
    violations.append(_wrong(value, place, "TYPE_BYTES"))
    return UNREAD


def _value(value: Json, _place: str, _violations: list[Violation]) -> object:
    return value


def _struct(value: Json, place: str, violations: list[Violation]) -> object:
    if isinstance(value, dict):
        return value
    violations.append(_wrong(value, place, "type.googleapis.com/google.protobuf.Struct"))
    return UNREAD


SCALARS: dict[object, Reader] = {
    str: _string,
    int: _int32,
    float: _float,
    bool: _bool,
    bytes: _bytes,
    Json: _value,
    JsonObject: _struct,
}

FREE = (_value,)
"""Readers that take a list although the field is not repeated."""
