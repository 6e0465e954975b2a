"""Examples fit their schemas, and no schema breaks the generator."""

import json
from datetime import datetime

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antigravity_addon.simulator.proto_json import parse
from antigravity_addon.simulator.request import Schema
from antigravity_addon.simulator.schema_example import example, to_json_schema
from antigravity_addon.wire.base import Json, JsonObject

NODE: JsonObject = {
    "type": "object",
    "properties": {
        "value": {"type": "integer"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
    },
    "required": ["value", "children", "next"],
}

FITTING: dict[str, Json] = {
    "anything": {},
    "true": True,
    "constant": {"const": {"a": [1, None]}},
    "enum of everything": {"enum": [None, 1, "a", [2]]},
    "types as a list": {"type": ["null", "integer"]},
    "only null": {"type": ["null"]},
    "object without type": {"properties": {"a": {"type": "string"}}, "required": ["a"]},
    "required but not described": {
        "type": "object",
        "required": ["a"],
        "additionalProperties": {"type": "integer"},
    },
    "least properties": {"type": "object", "minProperties": 3, "additionalProperties": {"type": "boolean"}},
    "most properties": {
        "type": "object",
        "properties": {"a": {}, "b": {}, "c": {}},
        "required": ["c"],
        "maxProperties": 2,
    },
    "forbidden property": {"type": "object", "properties": {"a": False, "b": {}}},
    "names that look like keywords": {
        "type": "object",
        "properties": {"type": {"type": "string"}, "enum": {"type": "array"}, "$ref": {"type": "string"}},
        "required": ["type", "enum", "$ref"],
    },
    "array of nothing in particular": {"type": "array"},
    "empty array": {"type": "array", "maxItems": 0, "items": {"type": "string"}},
    "tuple": {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "integer"}],
        "items": False,
        "minItems": 2,
    },
    "tuple and more": {
        "type": "array",
        "prefixItems": [{"type": "string"}],
        "items": {"type": "integer"},
        "minItems": 4,
    },
    "distinct items": {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
    "distinct choices": {
        "type": "array",
        "items": {"enum": ["a", "b", "c"]},
        "minItems": 3,
        "uniqueItems": True,
    },
    "integer above": {"type": "integer", "minimum": 7.5},
    "integer strictly between": {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5},
    "integer below": {"type": "integer", "maximum": -4},
    "multiple": {"type": "integer", "multipleOf": 7, "minimum": 15},
    "negative multiple": {"type": "integer", "multipleOf": 5, "maximum": -7},
    "number strictly above": {"type": "number", "exclusiveMinimum": 0.25},
    "number strictly between": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001},
    "number strictly below": {"type": "number", "exclusiveMaximum": -1},
    "number of halves": {"type": "number", "multipleOf": 0.5, "minimum": 1.2},
    "long text": {"type": "string", "minLength": 50},
    "short text": {"type": "string", "maxLength": 3},
    "text of one length": {"type": "string", "minLength": 4, "maxLength": 4},
    "all of": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer", "minimum": 5}}, "required": ["a"]},
            {"properties": {"b": {"type": "string"}}, "required": ["b"]},
        ]
    },
    "alternatives beside constraints": {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "anyOf": [{"properties": {"b": {"type": "integer"}}, "required": ["b"]}, {"required": ["c"]}],
    },
    "tightest bounds": {"type": "integer", "minimum": 2, "allOf": [{"minimum": 9}, {"maximum": 9}]},
    "recursive": {"$defs": {"node": NODE}, "$ref": "#/$defs/node"},
    "recursive through alternatives": {
        "$defs": {
            "tree": {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {"left": {"$ref": "#/$defs/tree"}, "right": {"$ref": "#/$defs/tree"}},
                        "required": ["left", "right"],
                    },
                    {"type": "string"},
                ]
            }
        },
        "$ref": "#/$defs/tree",
    },
    "recursive from the root": {
        "type": "object",
        "properties": {"inner": {"$ref": "#"}, "name": {"type": "string"}},
        "required": ["name"],
    },
    "escaped pointer": {"$defs": {"a/b~c": {"type": "integer"}}, "$ref": "#/$defs/a~1b~0c"},
    "pointer into a list": {
        "prefixItems": [{"type": "integer"}],
        "type": "array",
        "items": {"$ref": "#/prefixItems/0"},
    },
}


@pytest.mark.parametrize("schema", FITTING.values(), ids=FITTING)
@pytest.mark.parametrize("variant", [0, 1, 2])
def test_fits(schema: Json, variant: int) -> None:
    check(schema, example(schema, variant=variant))


def is_moment(text: object) -> bool:
    return isinstance(text, str) and datetime.fromisoformat(text).tzinfo is not None


FORMATS = jsonschema.FormatChecker(("date", "email", "ipv4", "ipv6", "uuid"))
# which jsonschema leaves unchecked without another library
FORMATS.checks("date-time", raises=ValueError)(is_moment)


@pytest.mark.parametrize("kind", FORMATS.checkers)
def test_formats(kind: str) -> None:
    schema: JsonObject = {"type": "string", "format": kind}
    jsonschema.Draft202012Validator(schema, format_checker=FORMATS).validate(example(schema))


def check(schema: Json, value: Json) -> None:
    jsonschema.Draft202012Validator(schema).validate(value)  # pyright: ignore[reportArgumentType] - booleans are schemas


def bounded(low: str, high: str, kind: st.SearchStrategy[int]) -> st.SearchStrategy[JsonObject]:
    """No bound, one, or two in order."""
    return st.tuples(st.none() | kind, st.none() | kind).map(
        lambda pair: {
            **({} if pair[0] is None else {low: pair[0]}),
            **({} if pair[1] is None else {high: pair[1] if pair[0] is None else pair[0] + abs(pair[1])}),
        }
    )


def typed(name: str, *constraints: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    return st.tuples(*constraints).map(
        lambda given: {"type": name} | {k: v for c in given for k, v in c.items()}
    )


NAMES = st.text("abcdef$", min_size=1, max_size=3)
SCALARS: st.SearchStrategy[JsonObject] = st.one_of(
    typed("string", bounded("minLength", "maxLength", st.integers(0, 30))),
    typed("integer", bounded("minimum", "maximum", st.integers(-50, 50))),
    typed("number", bounded("minimum", "maximum", st.integers(-50, 50))),
    typed("boolean"),
    typed("null"),
    st.lists(st.integers() | st.text(max_size=3) | st.none(), min_size=1, max_size=3).map(
        lambda e: {"enum": [*e]}
    ),
)


def objects(inner: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    return st.dictionaries(NAMES, inner, max_size=4).flatmap(
        lambda properties: st.lists(
            st.sampled_from(sorted(properties)) if properties else st.nothing(), unique=True
        ).map(lambda required: {"type": "object", "properties": {**properties}, "required": [*required]})
    )


def arrays(inner: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    return st.tuples(inner, bounded("minItems", "maxItems", st.integers(0, 3))).map(
        lambda pair: {"type": "array", "items": pair[0], **pair[1]}
    )


def alternatives(inner: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    return st.lists(inner, min_size=1, max_size=3).map(lambda branches: {"anyOf": [*branches]})


SCHEMAS: st.SearchStrategy[JsonObject] = st.recursive(
    SCALARS, lambda inner: st.one_of(objects(inner), arrays(inner), alternatives(inner)), max_leaves=12
)


@settings(deadline=None)
@given(SCHEMAS, st.integers(0, 3))
def test_fits_whatever_is_declared(schema: JsonObject, variant: int) -> None:
    check(schema, example(schema, variant=variant))


KEYWORDS: tuple[str, ...] = (
    *("type", "properties", "required", "items", "prefixItems", "anyOf", "oneOf", "allOf", "$ref", "enum"),
    *("const", "format", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("minItems", "maxItems", "minLength", "minProperties", "additionalProperties", "uniqueItems"),
)
WORDS: tuple[str, ...] = ("object", "array", "integer", "number", "string", "#", "#/properties/a", "a")


def any_json(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    names = st.sampled_from((*KEYWORDS, "a"))
    lists: st.SearchStrategy[Json] = st.lists(inner, max_size=4)
    mappings: st.SearchStrategy[Json] = st.dictionaries(names, inner, max_size=5)
    return lists | mappings


LEAVES: st.SearchStrategy[Json] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(WORDS),
)
ANY_JSON: st.SearchStrategy[Json] = st.recursive(LEAVES, any_json, max_leaves=20)


@given(ANY_JSON)
def test_no_schema_breaks_it(schema: Json) -> None:
    json.dumps(example(schema), allow_nan=False)


def exploding(levels: int) -> JsonObject:
    schema: JsonObject = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema, "minItems": 100}
    return schema


HOSTILE: dict[str, Json] = {
    "a hundred hundreds of hundreds": exploding(12),
    "a million items": {"type": "array", "minItems": 10**9},
    "a gigabyte of text": {"type": "string", "minLength": 10**9},
    "a billion properties": {"type": "object", "minProperties": 10**9},
    "reference to itself": {"$ref": "#"},
    "references in a ring": {
        "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
        "$ref": "#/$defs/a",
    },
    "all of itself": {"allOf": [{"$ref": "#"}]},
    "endless by requirement": {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
    "twice endless by requirement": {
        "type": "object",
        "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}},
        "required": ["a", "b"],
    },
    "impossible bounds": {"type": "integer", "minimum": 5, "maximum": 1},
    "huge bounds": {"type": "integer", "minimum": 1e308},
    "bounds of the wrong type": {"type": "integer", "minimum": "5", "maximum": [], "multipleOf": {}},
    "multiple of next to nothing": {"type": "number", "multipleOf": 5e-324, "minimum": 1e308},
}


@pytest.mark.parametrize("schema", HOSTILE.values(), ids=HOSTILE)
def test_work_is_bounded(schema: Json) -> None:
    assert len(json.dumps(example(schema), allow_nan=False)) < 5_000_000


def test_typed_schemas_mean_the_same() -> None:
    schema = parse(
        Schema,
        {
            "type": "object",
            "properties": {
                "a": {"type": "STRING", "enum": ["x"], "nullable": True},
                "b": {"anyOf": [{"type": "INTEGER", "minimum": 3}, {"type": "NUMBER"}]},
                "c": {"type": "ARRAY", "items": {"type": "BOOLEAN"}, "minItems": "1"},
                "d": {"type": "STRING", "format": "date-time"},
            },
            "required": ["a"],
        },
    )
    assert to_json_schema(schema) == {
        "type": "object",
        "properties": {
            "a": {"type": ["string", "null"], "enum": ["x", None]},
            "b": {"anyOf": [{"type": "integer", "minimum": 3}, {"type": "number"}]},
            "c": {"type": "array", "items": {"type": "boolean"}, "minItems": 1},
            "d": {"type": "string", "format": "date-time"},
        },
        "required": ["a"],
    }
