"""JSON Schema as clients write it -> what Gemini takes.

`parametersJsonSchema` and `responseJsonSchema` are free JSON, of which Gemini reads a subset and ignores the rest:
`for_parameters` and `for_response` bring a schema into that subset, lightly. The older fields are `openapi_schema`'s.

Keywords are looked for only where a schema can stand. What stands under `properties` is a name, even if it
is called `type` or `$ref`. All functions are total on any JSON.
"""

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count, islice
from urllib.parse import unquote

from pydantic_core import from_json, to_json

from antigravity_addon.wire.base import Json, JsonObject

from .readable_json import is_double, is_readable
from .schema_cycles import without_required_cycles
from .schema_keywords import (
    DEFS_PREFIX,
    MAX_DEPTH,
    MAX_LISTED,
    MAX_NODES,
    described,
    listed,
    names_in,
    types_of,
)

_MAX_MERGES = 2_000
"""Schemas merged into others because of `allOf`, likewise."""
_DEEPEST_VALUE = 16
"""Levels of a value in a schema."""
_LONGEST_KEPT = 16 * 1024
"""Bytes of a schema, with what was made of it another time as much."""

_OF_LEAVES = frozenset({"type", "description", "title"})
_OF_CONSTANTS = frozenset({"type", "title"})
_FORMATS = {"date-time", "date", "time", "enum", "int32", "int64", "float", "double"}
_ILLEGAL_DEF_CHARACTER = re.compile(r"[^A-Za-z0-9_.-]")


def for_parameters(schema: Json) -> JsonObject | None:
    """For `parametersJsonSchema`, whose root is an object; `None` if there is nothing to say.

    An agent sends the same tools with each turn, and most of what a turn costs would be theirs: what was said of a schema
    is kept as text, which is read thirty times faster than a schema is cleaned up.
    """
    if not isinstance(schema, dict) or not schema:
        return None
    try:
        stated = to_json(schema)
    except ValueError:
        return _parameters(schema)  # no text that could be kept
    return from_json(_parameters_as_text(stated)) if len(stated) <= _LONGEST_KEPT else _parameters(schema)


@lru_cache(maxsize=512)
def _parameters_as_text(schema: bytes) -> bytes:
    return to_json(_parameters(from_json(schema)))


def _parameters(schema: JsonObject) -> JsonObject | None:
    cleaner = _Cleaner(schema)
    root = cleaner.as_object()
    types = types_of(root)
    if types and "object" not in types:
        return None
    found = cleaner.cleaned(root)
    return {**{keyword: value for keyword, value in found.items() if keyword != "enum"}, "type": "object"}


def for_response(schema: Json) -> JsonObject | None:
    """For `responseJsonSchema`, whose root is anything; `None` if there is nothing to say."""
    if not isinstance(schema, dict):
        return None
    return cleaned(schema) or None


def cleaned(schema: JsonObject) -> JsonObject:
    """In the subset that Gemini reads, with what it refers to under `$defs`; empty if there is nothing to say."""
    return _Cleaner(schema).cleaned()


# --- references -------------------------------------------------------------------------------------------


def _resolved(root: JsonObject, pointer: str) -> Json:
    """What a reference points to; `None` if that is nowhere in this document."""
    if pointer != "#" and not pointer.startswith("#/"):
        return None
    node: Json = root
    for step in pointer.removeprefix("#").split("/")[1:]:
        key = unquote(step).replace("~1", "/").replace("~0", "~")
        match node:
            case dict():
                node = node.get(key)
            case list() if key.isascii() and key.isdecimal() and len(key) < 10 and int(key) < len(node):
                node = node[int(key)]
            case _:
                return None
    return node


def _merge(into: JsonObject, part: JsonObject) -> None:
    """All of both must hold; of two statements that cannot be joined the first stands."""
    for keyword, value in part.items():
        present = into.get(keyword)
        if keyword == "allOf":
            continue
        if keyword == "properties" and isinstance(present, dict) and isinstance(value, dict):
            into[keyword] = {**present, **{name: value[name] for name in value if name not in present}}
        elif keyword == "required" and isinstance(present, list) and isinstance(value, list):
            into[keyword] = list(dict.fromkeys((*names_in(present), *names_in(value))))
        elif keyword not in into:
            into[keyword] = value


def _either(schemas: Iterable[Json]) -> Json:
    """At least one of them holds. The values that tell alternatives apart become one list of values."""
    distinct = _distinct(schema for schema in schemas if schema is not False)
    if len(distinct) < 2:
        return distinct[0] if distinct else False
    values: list[Json] = []
    for schema in distinct:
        match schema:
            case {"const": value, **others} if others.keys() <= _OF_CONSTANTS:
                values.append(value)
            case {"enum": [*listed_values], **others} if others.keys() <= _OF_CONSTANTS:
                values.extend(listed_values)
            case _:
                return {"anyOf": distinct}
    return {"enum": _distinct(values)}


def _distinct(values: Iterable[Json]) -> list[Json]:
    """`repr` tells `True` from 1, and takes no time for each pair of them."""
    return list({repr(value): value for value in values}.values())


def _properties(schema: JsonObject) -> JsonObject:
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def _may_be_object(schema: JsonObject) -> bool:
    types = types_of(schema)
    return not types or "object" in types


# --- the clean-up -----------------------------------------------------------------------------------------


def _text(value: Json) -> Json:
    return value if isinstance(value, str) and value else None


def _number(value: Json) -> Json:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if is_double(value) else None


def _count(value: Json) -> Json:
    number = _number(value)
    return number if isinstance(number, int) and number >= 0 else None


def _true(value: Json) -> Json:
    return value if value is True else None


def _value(value: Json) -> Json:
    """None that could be taken for a reference: nobody says that readers of schemas know a value from a schema."""
    if not is_readable(value, deepest=_DEEPEST_VALUE) or b'"$ref":' in to_json(value):
        return None
    return value


_PLAIN_KEYWORDS: Mapping[str, Callable[[Json], Json]] = {
    "minimum": _number,
    "maximum": _number,
    "minLength": _count,
    "maxLength": _count,
    "pattern": _text,
    "minItems": _count,
    "maxItems": _count,
    "uniqueItems": _true,
    "minProperties": _count,
    "maxProperties": _count,
    "default": _value,
}
"""Keywords that hold no schema, with what makes a value of theirs legal; `None` drops it."""


@dataclass(slots=True)
class _Cleaner:
    """Carries one document through its clean-up: its references are collected under `$defs` of the result."""

    root: JsonObject
    names: dict[str, str] = field(default_factory=dict[str, str])
    """Reference as written -> name under `$defs`."""
    taken: set[str] = field(default_factory=set[str])
    waiting: deque[str] = field(default_factory=deque[str])
    """References whose targets are still to be cleaned."""
    nodes: int = 0
    merges: int = 0
    statements: int = 0
    """What alternatives say of properties, `MAX_NODES` at most."""

    def as_object(self) -> JsonObject:
        """The root of parameters: arguments are one object, whatever references and alternatives it is made of."""
        return self._as_object(self.root, opened=())

    def _as_object(self, schema: JsonObject, *, opened: tuple[Json, ...]) -> JsonObject:
        """Its alternatives become alternatives of each property, and what all of them require is required.

        `opened` are the references that led here: an alternative that is the whole again adds nothing to it.
        """
        merged = self._flattened(schema, through_refs=True)
        branches = merged.pop("anyOf", merged.pop("oneOf", None))
        if not isinstance(branches, list) or len(opened) >= MAX_DEPTH or self.merges >= _MAX_MERGES:
            return merged
        opened = (*opened, schema.get("$ref"))
        possible = [
            self._as_object(branch, opened=opened)
            for branch in ({} if stated is True else stated for stated in branches)
            if isinstance(branch, dict) and ("$ref" not in branch or branch["$ref"] not in opened)
        ]
        objects = [branch for branch in possible if _may_be_object(branch)]
        stated = defaultdict[str, list[Json]](list)
        named = (pair for branch in objects for pair in _properties(branch).items())
        for name, subschema in islice(named, MAX_NODES - self.statements):
            self.statements += 1
            stated[name].append(subschema)
        if not stated:
            return merged
        common = set[str].intersection(*(set(names_in(branch.get("required"))) for branch in objects))
        ordered = [name for name in dict.fromkeys(names_in(objects[0].get("required"))) if name in common]
        properties = {name: _either(subschemas) for name, subschemas in stated.items()}
        _merge(merged, {"type": "object", "properties": properties, "required": list(ordered)})
        return merged

    def cleaned(self, schema: JsonObject | None = None) -> JsonObject:
        """The whole document; `schema` stands in for its root."""
        result = self._schema(self.root if schema is None else schema, depth=0)
        defs: dict[str, JsonObject] = {}
        while self.waiting:
            pointer = self.waiting.popleft()
            target = _resolved(self.root, pointer)
            defs[self.names[pointer]] = self._schema(target if isinstance(target, dict) else {}, depth=1)
        result, defs = without_required_cycles(result, defs)
        return {**result, "$defs": dict(defs)} if defs else result

    def _schema(self, schema: Json, *, depth: int) -> JsonObject:
        if not isinstance(schema, dict):
            return {}
        if schema.keys() == {"$ref"}:
            return self._with_reference(schema, {})
        self.nodes += 1
        flat = self._merged(schema)
        types = types_of(flat)
        notes: list[str] = []
        result: JsonObject = {}
        if depth >= MAX_DEPTH or self.nodes > MAX_NODES:
            result.update(_type_keyword(types))
            result.update(described(flat, ()))
            return result
        if flat.keys() <= _OF_LEAVES:
            # most are, and take a quarter of the time like this
            return {**_type_keyword(types), **described(flat, ())}
        values = _enum(flat, types, notes)
        result.update(_type_keyword(types))
        result.update(values)
        for keyword, legal in _PLAIN_KEYWORDS.items():
            if keyword in flat and (value := legal(flat[keyword])) is not None:
                result[keyword] = value
        result.update(_bounds(flat, types, notes))
        result.update(_format(flat, notes))
        result.update(self._object_keywords(flat, notes, depth))
        result.update(self._array_keywords(flat, depth))
        result.update(self._alternatives(flat, depth))
        result.update(described(flat, notes))
        return self._with_reference(flat, result)

    def _merged(self, schema: JsonObject) -> JsonObject:
        match schema:
            case {"allOf": [{"$ref": str(pointer), **others}]} if not others and "$ref" not in schema:
                # how a reference was given a description before 2019
                return {**{k: v for k, v in schema.items() if k != "allOf"}, "$ref": pointer}
            case {"allOf": list()}:
                return self._flattened(schema, through_refs=False)
            case _:
                return schema

    def _flattened(self, schema: JsonObject, *, through_refs: bool) -> JsonObject:
        """`schema` with its `allOf` merged into it. Each reference is followed once, so that cycles end.

        With `through_refs`, a `$ref` of the schema itself is merged as well.
        """
        followed: set[str] = set()
        merged: JsonObject = {}
        pending = deque([(schema, through_refs)])
        while pending and (self.merges < _MAX_MERGES or not merged):
            self.merges += 1
            part, follows = pending.popleft()
            pointer = part.get("$ref")
            if follows and isinstance(pointer, str):
                target = _resolved(self.root, pointer) if pointer not in followed else None
                followed.add(pointer)
                part = {keyword: value for keyword, value in part.items() if keyword != "$ref"}
                if isinstance(target, dict):
                    pending.append((target, True))
            branches = part.get("allOf")
            if isinstance(branches, list):
                pending.extend((branch, True) for branch in branches if isinstance(branch, dict))
            _merge(merged, part)
        return merged

    def _object_keywords(self, schema: JsonObject, notes: list[str], depth: int) -> JsonObject:
        result: JsonObject = {}
        properties = schema.get("properties")
        if isinstance(properties, dict):
            # a property of which nothing is valid is none
            kept = {
                name: self._schema(subschema, depth=depth + 1)
                for name, subschema in properties.items()
                if subschema is not False
            }
            result["properties"] = dict(kept)
            for keyword in ("required", "propertyOrdering"):
                if known := [name for name in dict.fromkeys(names_in(schema.get(keyword))) if name in kept]:
                    result[keyword] = list(known)
        additional = _of_other_names(schema, notes)
        if isinstance(additional, bool):
            result["additionalProperties"] = additional
        elif isinstance(additional, dict):
            result["additionalProperties"] = self._schema(additional, depth=depth + 1)
        return result

    def _array_keywords(self, schema: JsonObject, depth: int) -> JsonObject:
        result: JsonObject = {}
        items, prefix = schema.get("items"), schema.get("prefixItems")
        if isinstance(items, list):  # how tuples were written before 2020
            prefix, items = items, schema.get("additionalItems")
        if isinstance(items, dict):
            result["items"] = self._schema(items, depth=depth + 1)
        if isinstance(prefix, list) and prefix:
            result["prefixItems"] = [self._schema(item, depth=depth + 1) for item in prefix]
        return result

    def _alternatives(self, schema: JsonObject, depth: int) -> JsonObject:
        result: JsonObject = {}
        for keyword in ("anyOf", "oneOf"):
            branches = schema.get(keyword)
            if isinstance(branches, list) and (possible := [b for b in branches if b is not False]):
                result[keyword] = [self._schema(branch, depth=depth + 1) for branch in possible]
        return result

    def _with_reference(self, schema: JsonObject, cleaned: JsonObject) -> JsonObject:
        """Gemini takes no other keyword beside `$ref`: with one, the reference becomes the only branch."""
        pointer = schema.get("$ref")
        if not isinstance(pointer, str):
            return cleaned
        if not isinstance(_resolved(self.root, pointer), dict):
            return _noted(cleaned, f"See {pointer[:MAX_LISTED]}.")
        reference: JsonObject = {"$ref": DEFS_PREFIX + self._name(pointer)}
        if not cleaned:
            return reference
        return cleaned if "anyOf" in cleaned else {**cleaned, "anyOf": [reference]}

    def _name(self, pointer: str) -> str:
        if pointer not in self.names:
            step = "root" if pointer == "#" else unquote(pointer.rpartition("/")[2])
            wanted = _ILLEGAL_DEF_CHARACTER.sub("_", step) or "_"
            candidates = (wanted if number == 1 else f"{wanted}_{number}" for number in count(1))
            name = next(candidate for candidate in candidates if candidate not in self.taken)
            self.taken.add(name)
            self.names[pointer] = name
            self.waiting.append(pointer)
        return self.names[pointer]


def _type_keyword(types: list[str]) -> JsonObject:
    if not types:
        return {}
    return {"type": types[0] if len(types) == 1 else list(types)}


def _enum(schema: JsonObject, types: list[str], notes: list[str]) -> JsonObject:
    """`enum` and `const` as an `enum` of strings and numbers; `null` goes into `types`, the rest into words."""
    stated = schema.get("enum")
    if "const" in schema:
        stated = [schema["const"]]
    if not isinstance(stated, list) or not stated:
        return {}
    values = [value for value in stated if value is not None]
    if not all(isinstance(value, str) or _number(value) is not None for value in values):
        if not types and all(isinstance(value, bool) for value in values):
            types.extend(["boolean"] if len(values) == len(stated) else ["boolean", "null"])
        notes.append(f"One of: {listed(stated)}.")
        return {}
    if not types:
        types.extend(dict.fromkeys(_type_of(value) for value in values))
    if len(values) < len(stated) and types and "null" not in types:
        types.append("null")
    return {"enum": [*values]} if values else {}


def _type_of(value: Json) -> str:
    match value:
        case str():
            return "string"
        case int():
            return "integer"
        case _:
            return "number"


def _bounds(schema: JsonObject, types: list[str], notes: list[str]) -> JsonObject:
    """Exclusive bounds: those of integers become inclusive, the others words."""
    result: JsonObject = {}
    for keyword, inclusive, step, words in (
        ("exclusiveMinimum", "minimum", 1, "greater than"),
        ("exclusiveMaximum", "maximum", -1, "less than"),
    ):
        # before draft 6 it was a flag beside the inclusive keyword
        stated = schema.get(inclusive) if schema.get(keyword) is True else schema.get(keyword)
        bound = _number(stated)
        if isinstance(bound, int) and "integer" in types:
            result[inclusive] = bound + step
        elif isinstance(bound, (int, float)) and not isinstance(bound, bool):
            notes.append(f"Must be {words} {bound}.")
    multiple = _number(schema.get("multipleOf"))
    if multiple is not None:
        notes.append(f"Must be a multiple of {multiple}.")
    return result


def _of_other_names(schema: JsonObject, notes: list[str]) -> Json:
    """`additionalProperties`, with `patternProperties` in it, which Gemini does not know.

    Who describes names by a pattern and does not say what becomes of others means a record of the former.
    """
    additional, by_pattern = schema.get("additionalProperties"), schema.get("patternProperties")
    if additional is True or not isinstance(by_pattern, dict):
        return additional
    possible = {pattern: subschema for pattern, subschema in by_pattern.items() if subschema is not False}
    if isinstance(additional, dict):
        return _either((*possible.values(), additional))
    if not possible:
        return additional
    notes.append(f"Other keys match {' or '.join(possible)[:MAX_LISTED]}.")
    return _either(possible.values())


def _format(schema: JsonObject, notes: list[str]) -> JsonObject:
    stated = _text(schema.get("format"))
    if not isinstance(stated, str):
        return {}
    if stated in _FORMATS:
        return {"format": stated}
    notes.append(f"Format: {stated[:MAX_LISTED]}.")
    return {}


def _noted(schema: JsonObject, note: str) -> JsonObject:
    return {**schema, **described(schema, (note,))}
