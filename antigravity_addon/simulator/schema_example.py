"""JSON Schema -> a value that fits it: the arguments of simulated calls and simulated JSON answers.

Patterns are hints here, as they are to Gemini; `not` and conditions are not looked at. Any JSON is
accepted as a schema and the work is bounded, since schemas come from whoever calls.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from antigravity_addon.wire.base import Json, JsonObject

from .request import Schema, Type

FULL_DEPTH = 3
"""Down to here optional properties and optional items are shown; deeper only what is required."""
DEEPEST = 40
MOST_NODES = 2_000
"""From here on nothing optional is shown."""
LAST_NODE = 10 * MOST_NODES
"""From here on everything is null: the schema asks for more than anyone wants to read."""
MOST_ITEMS = 100
LONGEST_STRING = 10_000

FORMATS = {
    "date-time": "2026-11-22T10:00:00Z",
    "date": "2026-11-22",
    "time": "10:00:00Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def example(schema: Json, *, variant: int = 0, name: str = "text") -> Json:
    """A value that fits `schema`. Other variants give other values where the schema leaves a choice.

    `name` is what strings are made of.
    """
    return _Generator(schema, variant).value(schema, name, 0)


def to_json_schema(schema: Schema) -> JsonObject:
    """The typed subset as JSON Schema."""
    found: JsonObject = {}
    if schema.type is not None and schema.type is not Type.TYPE_UNSPECIFIED:
        kind = schema.type.value.lower()
        found["type"] = [kind, "null"] if schema.nullable else kind
    if schema.enum:
        found["enum"] = [*schema.enum, None] if schema.nullable else [*schema.enum]
    if schema.items is not None:
        found["items"] = to_json_schema(schema.items)
    if schema.properties is not None:
        found["properties"] = {key: to_json_schema(item) for key, item in schema.properties.items()}
    if schema.required:
        found["required"] = [*schema.required]
    if schema.any_of:
        found["anyOf"] = [to_json_schema(item) for item in schema.any_of]
    if schema.format:
        found["format"] = schema.format
    bounds: Mapping[str, float | None] = {
        "minItems": schema.min_items,
        "maxItems": schema.max_items,
        "minProperties": schema.min_properties,
        "maxProperties": schema.max_properties,
        "minimum": schema.minimum,
        "maximum": schema.maximum,
        "minLength": schema.min_length,
        "maxLength": schema.max_length,
    }
    return found | {key: bound for key, bound in bounds.items() if bound is not None}


@dataclass(slots=True)
class _Generator:
    """Needs state to count nodes: nested arrays and references multiply."""

    root: Json
    variant: int
    nodes: int = field(default=0)

    def value(self, schema: Json, name: str, depth: int) -> Json:
        self.nodes += 1
        if schema is False or depth > DEEPEST or self.nodes > LAST_NODE:
            return None
        if not isinstance(schema, dict):
            return f"example {name}"
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        choices = _items(schema, "enum")
        if choices:
            return choices[self.variant % len(choices)]
        return self._of_kind(self._kind(schema, depth), schema, name, depth)

    def _of_kind(self, kind: str | None, schema: JsonObject, name: str, depth: int) -> Json:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer":
                return self._integer(schema)
            case "number":
                return self._number(schema)
            case "boolean":
                return self.variant % 2 == 0
            case "null":
                return None
            case _:
                return self._string(schema, name)

    def _is_shown(self, depth: int) -> bool:
        """Whether there is room for what is optional."""
        return depth < FULL_DEPTH and self.nodes < MOST_NODES

    # --- one plain schema out of references, alternatives and parts --------------------------------------

    def _resolved(self, schema: JsonObject, depth: int) -> JsonObject:
        for _ in range(DEEPEST):
            if isinstance(reference := schema.get("$ref"), str):
                target = resolve(self.root, reference)
                schema = _merged(_without(schema, "$ref"), target if isinstance(target, dict) else {})
            elif parts := [part for part in _items(schema, "allOf") if isinstance(part, dict)]:
                schema = _without(schema, "allOf")
                for part in parts:
                    schema = _merged(schema, part)
            elif branches := _items(schema, "anyOf") or _items(schema, "oneOf"):
                schema = _merged(_without(schema, "anyOf", "oneOf"), self._branch(branches, depth))
            else:
                return schema
        return _without(schema, "$ref", "allOf", "anyOf", "oneOf")

    def _branch(self, branches: list[Json], depth: int) -> JsonObject:
        """The first that says something; where there is no more room, the one that says least."""
        usable = [branch for branch in branches if isinstance(branch, dict)]
        if not usable:
            return {}
        if self._is_shown(depth):
            return next((branch for branch in usable if branch.get("type") != "null"), usable[0])
        return min(usable, key=_weight)

    def _kind(self, schema: JsonObject, depth: int) -> str | None:
        match schema.get("type"):
            case str(kind):
                return kind.lower()
            case list(kinds):
                names = [kind for kind in kinds if isinstance(kind, str)]
                plain = [kind for kind in names if kind != "null"]
                return "null" if "null" in names and not self._is_shown(depth) else (plain or ["null"])[0]
            case _ if "properties" in schema or "required" in schema:
                return "object"
            case _ if "items" in schema or "prefixItems" in schema:
                return "array"
            case _ if {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"} & schema.keys():
                return "number"
            case _:
                return None

    # --- one method for each type ------------------------------------------------------------------------

    def _object(self, schema: JsonObject, depth: int) -> JsonObject:
        properties = _mapping(schema, "properties")
        required = [name for name in _items(schema, "required") if isinstance(name, str)]
        most = _count(schema, "maxProperties", MOST_NODES)
        names = dict.fromkeys(required)
        if self._is_shown(depth):
            shown = (name for name, item in properties.items() if item is not False)
            names |= dict.fromkeys([name for name in shown if name not in names][: max(0, most - len(names))])
        others = schema.get("additionalProperties", {})
        made = {name: self.value(properties.get(name, others), name, depth + 1) for name in names}
        least = min(_count(schema, "minProperties", 0), MOST_ITEMS)
        spare = iter([name for name in properties if name not in made and properties[name] is not False])
        while len(made) < least:
            name = next(spare, f"key{len(made)}")
            made[name] = self.value(properties.get(name, others), name, depth + 1)
        return made

    def _array(self, schema: JsonObject, name: str, depth: int) -> list[Json]:
        first = _items(schema, "prefixItems")
        others = schema.get("items", {} if not first else False)
        wanted = max(1, len(first)) if self._is_shown(depth) and (others is not False or first) else 0
        length = min(
            max(_count(schema, "minItems", 0), wanted), _count(schema, "maxItems", MOST_ITEMS), MOST_ITEMS
        )
        if self.nodes > MOST_NODES:
            length = 0
        return list(
            self._elements((*first, *([others] * (length - len(first))))[:length], schema, name, depth)
        )

    def _elements(
        self, schemas: tuple[Json, ...], array: JsonObject, name: str, depth: int
    ) -> Iterator[Json]:
        distinct = array.get("uniqueItems") is True
        before = self.variant
        for index, schema in enumerate(schemas):
            self.variant = before + index if distinct else before
            yield self.value(schema, f"{name} {index}" if distinct else name, depth + 1)
        self.variant = before

    def _integer(self, schema: JsonObject) -> int:
        low, high = _bounds(schema, step=1)
        step = _real(schema, "multipleOf")
        if step is not None and step > 0 and step == int(step):
            return int(_multiple(step, low, high))
        lowest = None if low is None else math.ceil(low)
        highest = None if high is None else math.floor(high)
        return int(_clamped(1 + self.variant, lowest, highest))

    def _number(self, schema: JsonObject) -> float:
        low, high = _bounds(schema, step=0)
        step = _real(schema, "multipleOf")
        if step is not None and step > 0:
            return _multiple(step, low, high)
        if low is not None and high is not None:
            return low / 2 + high / 2
        if low is not None:
            return low + 1 + self.variant
        return _clamped(1.5 + self.variant, None, None if high is None else high - 1)

    def _string(self, schema: JsonObject, name: str) -> str:
        kind = schema.get("format")
        text = FORMATS.get(kind) if isinstance(kind, str) else None
        if text is None:
            text = f"example {name}" + (f" {self.variant}" if self.variant else "")
        shortest = min(_count(schema, "minLength", 0), LONGEST_STRING)
        return text.ljust(shortest, ".")[: max(0, _count(schema, "maxLength", LONGEST_STRING))]


def resolve(root: Json, reference: str) -> Json:
    """What a JSON pointer into the same schema points at; anything else is no help."""
    if not reference.startswith("#"):
        return None
    found = root
    for step in reference[1:].split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        match found:
            case dict() if key in found:
                found = found[key]
            case list() if key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            case _:
                return None
    return found


def _merged(one: JsonObject, other: JsonObject) -> JsonObject:
    """Both at once, as far as an example needs it."""
    both = other | one
    if "properties" in one and "properties" in other:
        both["properties"] = _mapping(other, "properties") | _mapping(one, "properties")
    if "required" in one and "required" in other:
        both["required"] = [*_items(one, "required"), *_items(other, "required")]
    for tightest, keys in ((max, LOWER_BOUNDS), (min, UPPER_BOUNDS)):
        for key in keys:
            bounds = [number for side in (one, other) if (number := _real(side, key)) is not None]
            if bounds:
                both[key] = tightest(bounds)
    return both


LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minItems", "minLength", "minProperties")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxItems", "maxLength", "maxProperties")


def _weight(schema: JsonObject) -> int:
    match schema.get("type"):
        case "null":
            return 0
        case "string" | "integer" | "number" | "boolean":
            return 1
        case "array":
            return 2 + _count(schema, "minItems", 0)
        case "object":
            return 3 + len(_items(schema, "required"))
        case _:
            return 1 if "enum" in schema or "const" in schema else 4


def _without(schema: JsonObject, *keys: str) -> JsonObject:
    return {key: item for key, item in schema.items() if key not in keys}


def _items(schema: JsonObject, key: str) -> list[Json]:
    found = schema.get(key)
    return found if isinstance(found, list) else []


def _mapping(schema: JsonObject, key: str) -> JsonObject:
    found = schema.get(key)
    return found if isinstance(found, dict) else {}


def _real(schema: JsonObject, key: str) -> float | None:
    found = schema.get(key)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _count(schema: JsonObject, key: str, otherwise: int) -> int:
    found = _real(schema, key)
    return otherwise if found is None else max(0, int(found))


def _bounds(schema: JsonObject, *, step: float) -> tuple[float | None, float | None]:
    """Lowest and highest value; `step` is the distance that an exclusive bound keeps."""
    lows = [_real(schema, "minimum")]
    highs = [_real(schema, "maximum")]
    if (above := _real(schema, "exclusiveMinimum")) is not None:
        lows.append(math.floor(above) + 1 if step else above)
    if (below := _real(schema, "exclusiveMaximum")) is not None:
        highs.append(math.ceil(below) - 1 if step else below)
    return (
        max((low for low in lows if low is not None), default=None),
        min((high for high in highs if high is not None), default=None),
    )


def _multiple(step: float, low: float | None, high: float | None) -> float:
    """The multiple nearest to 0."""
    if low is not None and low > 0:
        found = -(-low // step) * step
    elif high is not None and high < 0:
        found = high // step * step
    else:
        return 0
    return found if math.isfinite(found) else step


def _clamped(number: float, low: float | None, high: float | None) -> float:
    if high is not None:
        number = min(number, high)
    return number if low is None else max(number, low)
