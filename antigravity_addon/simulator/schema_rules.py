"""What Gemini demands of schemas, typed or free."""

from collections.abc import Iterator

from antigravity_addon.wire.base import Json

from .models import Model
from .request import Schema, Type
from .schema_example import resolve
from .status import invalid

DEEPEST = 32


def check_typed_schema(schema: Schema, place: str, model: Model, depth: int = 0) -> None:
    """
    Raises:
        Refused: for the first rule broken.
    """
    if depth == 0 and schema.type is not Type.OBJECT and place.endswith(".parameters"):
        raise invalid(f"* {place}: functionDeclaration parameters schema should be of type OBJECT\n")
    if depth > DEEPEST:
        raise invalid(f"* {place}: A schema in the request exceeds the maximum allowed nesting depth\n")
    _check_typed_keywords(schema, place, model, depth)
    for inner, where in _inside(schema, place):
        check_typed_schema(inner, where, model, depth + 1)


def _check_typed_keywords(schema: Schema, place: str, model: Model, depth: int) -> None:
    properties = schema.properties or {}
    for index, name in enumerate(schema.required):
        if name not in properties:
            raise invalid(f"* {place}.required[{index}]: property is not defined\n")
    if schema.type is Type.ARRAY and schema.items is None:
        raise invalid(f"* {place}.items: missing field.\n")
    if schema.enum and schema.type is not Type.STRING:
        raise invalid(f"* {place}.enum: only allowed for STRING type\n")
    if "" in schema.enum:
        raise invalid(f"* {place}.enum[{schema.enum.index('')}]: cannot be empty\n")
    empty = schema.type is Type.OBJECT and not properties and not schema.any_of
    if empty and depth and not model.signs_calls:
        raise invalid(f"* {place}.properties: should be non-empty for OBJECT type\n")


def _inside(schema: Schema, place: str) -> Iterator[tuple[Schema, str]]:
    for name, item in (schema.properties or {}).items():
        yield item, f"{place}.properties[{name}]"
    if schema.items is not None:
        yield schema.items, f"{place}.items"
    for index, item in enumerate(schema.any_of):
        yield item, f"{place}.any_of[{index}]"


def check_json_schema(schema: Json, place: str) -> None:
    """
    Raises:
        Refused: no object, too deep, or a `$ref` that leads nowhere.
    """
    if not isinstance(schema, dict):
        raise invalid(f"* {place}: the schema must be a JSON object\n")
    waiting: list[tuple[Json, int]] = [(schema, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > 2 * DEEPEST:
            raise invalid(f"* {place}: A schema in the request exceeds the maximum allowed nesting depth\n")
        match value:
            case dict():
                reference = value.get("$ref")
                if isinstance(reference, str) and resolve(schema, reference) is None:
                    raise invalid(f"* {place}: $ref {reference} cannot be resolved\n")
                waiting.extend((item, depth + 1) for item in value.values())
            case list():
                waiting.extend((item, depth + 1) for item in value)
            case _:
                pass
