"""Keywords of a JSON Schema as all who read one take them, and the bounds that hold for any."""

from collections.abc import Iterable

from antigravity_addon.wire.base import Json, JsonObject

MAX_DEPTH = 16
"""Deeper than this a schema keeps its type and description only: Gemini refuses deep nesting."""
MAX_NODES = 10_000
"""A schema may refer to itself until it is larger than anybody means it to be."""
MAX_LISTED = 500
"""Characters of a value quoted in a description."""
DEFS_PREFIX = "#/$defs/"
_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")


def names_in(value: Json) -> tuple[str, ...]:
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else ()


def types_of(schema: JsonObject) -> list[str]:
    stated = schema.get("type")
    listed = stated if isinstance(stated, list) else [stated]
    types = [name.lower() for name in listed if isinstance(name, str) and name.lower() in _TYPES]
    if schema.get("nullable") is True and types:
        types.append("null")
    if not types and isinstance(schema.get("properties"), dict):
        types = ["object"]
    return list(dict.fromkeys(types))


def described(schema: JsonObject, notes: Iterable[str]) -> JsonObject:
    description = schema.get("description")
    words = [description] if isinstance(description, str) and description else []
    text = " ".join([*words, *notes])
    return {"description": text} if text else {}


def listed(values: Iterable[Json]) -> str:
    names = {True: "true", False: "false", None: "null"}
    words = [names[value] if value is None or isinstance(value, bool) else repr(value) for value in values]
    return ", ".join(words)[:MAX_LISTED]
