"""JSON Schema -> the typed message of `parameters` and `responseSchema`, for upstreams that know no free JSON there.

One unknown keyword in it is a 400 for the whole request.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from antigravity_addon.wire.base import Json, JsonObject

from .json_schema import cleaned
from .schema_keywords import DEFS_PREFIX, MAX_DEPTH, MAX_NODES, described, listed, types_of

_MAX_TUPLE = 64
"""Positions of a tuple that count."""
_TYPED_KEYWORDS = {
    "OBJECT": ("minProperties", "maxProperties"),
    "ARRAY": ("minItems", "maxItems"),
    "STRING": ("minLength", "maxLength", "pattern"),
    "INTEGER": ("minimum", "maximum"),
    "NUMBER": ("minimum", "maximum"),
    "BOOLEAN": (),
}
_TYPED_FORMATS = {
    "STRING": {"date-time", "date", "time", "enum"},
    "INTEGER": {"int32", "int64"},
    "NUMBER": {"float", "double"},
}


def to_openapi(schema: Json) -> JsonObject:
    """For the typed `responseSchema`, and for `parameters` if it is given what `for_parameters` gave.

    No references, one upper-case type per schema.
    """
    if not isinstance(schema, dict):
        return {"type": "STRING"}
    root = cleaned(schema)
    defs = root.pop("$defs", None)
    return _OpenApi(defs if isinstance(defs, dict) else {}).converted(root, open_refs=())


@dataclass(slots=True)
class _OpenApi:
    """Writes cleaned schemas with every reference in its place, until that grows beyond measure."""

    defs: JsonObject
    nodes: int = 0

    def converted(self, schema: JsonObject, *, open_refs: tuple[str, ...], depth: int = 0) -> JsonObject:
        self.nodes += 1
        if depth >= MAX_DEPTH or self.nodes > MAX_NODES:
            return {"type": "OBJECT", **described(schema, ())}
        pointer = schema.get("$ref")
        if isinstance(pointer, str):
            return self._in_place(pointer, open_refs, depth)
        branches, is_nullable = _branches(schema)
        nullable: JsonObject = {"nullable": True} if is_nullable else {}
        converted = [self.converted(b, open_refs=open_refs, depth=depth + 1) for b in branches]
        match converted:
            case []:
                return {**self._one_shape(schema, open_refs, depth), **nullable}
            case [only]:
                return {**only, **described(schema, ()), **nullable}
            case _:
                return {**described(schema, ()), "anyOf": list(converted), **nullable}

    def _one_shape(self, schema: JsonObject, open_refs: tuple[str, ...], depth: int) -> JsonObject:
        kind = _openapi_type(schema)
        result: JsonObject = {"type": kind, **described(schema, _openapi_notes(schema, kind))}
        for keyword in _TYPED_KEYWORDS[kind]:
            if keyword in schema:
                result[keyword] = schema[keyword]
        if schema.get("format") in _TYPED_FORMATS.get(kind, set()):
            result["format"] = schema["format"]
        if kind == "STRING":
            result.update(_string_enum(schema))
        if kind == "OBJECT":
            result.update(self._object(schema, open_refs, depth))
        if kind == "ARRAY":
            result["items"] = self._items(schema, open_refs, depth)
        return result

    def _in_place(self, pointer: str, open_refs: tuple[str, ...], depth: int) -> JsonObject:
        name = pointer.removeprefix(DEFS_PREFIX)
        target = self.defs.get(name)
        if name in open_refs or not isinstance(target, dict):
            return {"type": "OBJECT", "description": f"Of the same shape as {name}."}
        return self.converted(target, open_refs=(*open_refs, name), depth=depth + 1)

    def _object(self, schema: JsonObject, open_refs: tuple[str, ...], depth: int) -> JsonObject:
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not properties:
            return {}
        result: JsonObject = {
            "properties": {
                name: self.converted(
                    value if isinstance(value, dict) else {}, open_refs=open_refs, depth=depth + 1
                )
                for name, value in properties.items()
            },
            "propertyOrdering": list(properties),
        }
        if "required" in schema:
            result["required"] = schema["required"]
        return result

    def _items(self, schema: JsonObject, open_refs: tuple[str, ...], depth: int) -> JsonObject:
        items, prefix = schema.get("items"), schema.get("prefixItems")
        possible = prefix[:_MAX_TUPLE] if isinstance(prefix, list) else []
        distinct: list[Json] = []
        for item in (*possible, items):
            if isinstance(item, dict):
                converted = self.converted(item, open_refs=open_refs, depth=depth + 1)
                if converted not in distinct:
                    distinct.append(converted)
        match distinct:
            case []:
                return {"type": "STRING"}
            case [dict() as only]:
                return only
            case _:
                return {"anyOf": distinct}


def _branches(schema: JsonObject) -> tuple[list[JsonObject], bool]:
    """The alternatives, none if the schema is one shape, and whether null is one more."""
    types = types_of(schema)
    real = [name for name in types if name != "null"]
    if len(real) > 1:
        return [{**schema, "type": name} for name in real], "null" in types
    stated = schema.get("anyOf", schema.get("oneOf"))
    branches = [branch for branch in stated if isinstance(branch, dict)] if isinstance(stated, list) else []
    possible = [branch for branch in branches if branch.get("type") != "null"]
    is_nullable = "null" in types or len(possible) < len(branches)
    # a typed schema is an object or a choice, never both
    return [] if "properties" in schema else possible, is_nullable


def _openapi_type(schema: JsonObject) -> str:
    stated = next((name for name in types_of(schema) if name != "null"), None)
    if stated is not None:
        return stated.upper()
    if "items" in schema or "prefixItems" in schema:
        return "ARRAY"
    return "OBJECT" if "additionalProperties" in schema else "STRING"


def _string_enum(schema: JsonObject) -> JsonObject:
    """The typed `enum` holds strings that are not empty."""
    values = schema.get("enum")
    texts = (
        [value if isinstance(value, str) else str(value) for value in values]
        if isinstance(values, list)
        else []
    )
    kept = [text for text in dict.fromkeys(texts) if text]
    return {"enum": [*kept]} if kept else {}


def _openapi_notes(schema: JsonObject, kind: str) -> Iterable[str]:
    """What the typed schema has no keyword for, in words."""
    values = schema.get("enum")
    if isinstance(values, list) and kind != "STRING":
        yield f"One of: {listed(values)}."
    if kind == "OBJECT" and not schema.get("properties") and "additionalProperties" in schema:
        yield "Keys are free."
