"""JSON Schema in its two dialects. C32 is the conformance case of the nasty ones."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from antigravity_addon.translate.json_schema import for_parameters, for_response
from antigravity_addon.translate.openapi_schema import to_openapi
from antigravity_addon.translate.schema_keywords import MAX_DEPTH
from antigravity_addon.wire.base import Json

type Schema = dict[str, Any]

NODE: Schema = {
    "type": "object",
    "properties": {"value": {"type": "integer"}, "next": {"$ref": "#/$defs/Node"}},
    "required": ["value"],
}

LIGHT: dict[str, tuple[Schema, Schema | None]] = {
    "nothing": ({}, None),
    "a default that looks like a reference": (
        {"type": "object", "default": {"items": {"$ref": "u"}}},
        {"type": "object"},
    ),
    "a default that speaks of one": (
        {"type": "string", "default": '{"$ref":"u"}'},
        {"type": "string", "default": '{"$ref":"u"}'},
    ),
    "kept as it is": (
        {
            "type": "object",
            "properties": {"a": {"type": "string", "pattern": "^a"}},
            "required": ["a"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"a": {"type": "string", "pattern": "^a"}},
            "required": ["a"],
            "additionalProperties": False,
        },
    ),
    "keywords Gemini has no use for": (
        {
            "$schema": "s",
            "$id": "i",
            "$comment": "c",
            "title": "T",
            "examples": [1],
            "x-a": 1,
            "readOnly": True,
            "type": "string",
        },
        {"type": "string"},
    ),
    "keywords are names under properties": (
        {
            "properties": {
                name: {"type": "string"}
                for name in ("title", "type", "$ref", "enum", "default", "properties")
            }
        },
        {
            "type": "object",
            "properties": {
                name: {"type": "string"}
                for name in ("title", "type", "$ref", "enum", "default", "properties")
            },
        },
    ),
    "C32 const": ({"const": "x"}, {"type": "string", "enum": ["x"]}),
    "const beside null": ({"type": "integer", "const": 5}, {"type": "integer", "enum": [5]}),
    "enum of numbers": ({"type": "integer", "enum": [1, 2]}, {"type": "integer", "enum": [1, 2]}),
    "enum with null": ({"enum": ["a", None]}, {"type": ["string", "null"], "enum": ["a"]}),
    "enum of booleans": ({"enum": [True]}, {"type": "boolean", "description": "One of: true."}),
    "enum of booleans and null": (
        {"enum": [True, None]},
        {"type": ["boolean", "null"], "description": "One of: true, null."},
    ),
    "enum of anything": ({"enum": ["a", {"b": 1}]}, {"description": "One of: 'a', {'b': 1}."}),
    "C32 type with null": ({"type": ["integer", "null"]}, {"type": ["integer", "null"]}),
    "OpenAPI's nullable": ({"type": "integer", "nullable": True}, {"type": ["integer", "null"]}),
    "upper-case type": ({"type": "STRING"}, {"type": "string"}),
    "type that is none": ({"type": "any", "description": "d"}, {"description": "d"}),
    "exclusive bounds of integers": (
        {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9},
        {"type": "integer", "minimum": 1, "maximum": 8},
    ),
    "exclusive bounds of numbers": (
        {"type": "number", "exclusiveMinimum": 0, "description": "d"},
        {"type": "number", "description": "d Must be greater than 0."},
    ),
    "exclusive bounds as flags": (
        {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
        {"type": "integer", "minimum": 1},
    ),
    "multipleOf": (
        {"type": "integer", "multipleOf": 5},
        {"type": "integer", "description": "Must be a multiple of 5."},
    ),
    "known format": ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
    "unknown format": (
        {"type": "string", "format": "uri"},
        {"type": "string", "description": "Format: uri."},
    ),
    "C32 boolean schemas": (
        {"properties": {"a": True, "b": False, "c": None}, "required": ["a", "b", "d"]},
        {"type": "object", "properties": {"a": {}, "c": {}}, "required": ["a"]},
    ),
    "C32 tuple of old": (
        {"type": "array", "items": [{"type": "string"}, {"type": "number"}]},
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]},
    ),
    "definitions": (
        {
            "properties": {"a": {"$ref": "#/definitions/A"}},
            "definitions": {"A": {"type": "string"}, "Unused": {}},
        },
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}},
    ),
    "reference into the middle": (
        {"properties": {"a": {"type": "string"}, "b": {"$ref": "#/properties/a"}}},
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"$ref": "#/$defs/a"}},
            "$defs": {"a": {"type": "string"}},
        },
    ),
    "names that collide": (
        {
            "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/definitions/A"}},
            "$defs": {"A": {}},
            "definitions": {"A": {"type": "null"}},
        },
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "#/$defs/A_2"}},
            "$defs": {"A": {}, "A_2": {"type": "null"}},
        },
    ),
    "reference with company": (
        {"properties": {"a": {"$ref": "#/$defs/A", "description": "d"}}, "$defs": {"A": {"type": "string"}}},
        {
            "type": "object",
            "properties": {"a": {"description": "d", "anyOf": [{"$ref": "#/$defs/A"}]}},
            "$defs": {"A": {"type": "string"}},
        },
    ),
    "reference in an allOf of one": (
        {
            "properties": {"a": {"allOf": [{"$ref": "#/$defs/A"}], "description": "d"}},
            "$defs": {"A": {"type": "string"}},
        },
        {
            "type": "object",
            "properties": {"a": {"description": "d", "anyOf": [{"$ref": "#/$defs/A"}]}},
            "$defs": {"A": {"type": "string"}},
        },
    ),
    "reference to nowhere": (
        {"properties": {"a": {"$ref": "#/$defs/A"}, "b": {"$ref": "https://x/y.json"}}},
        {
            "type": "object",
            "properties": {
                "a": {"description": "See #/$defs/A."},
                "b": {"description": "See https://x/y.json."},
            },
        },
    ),
    "allOf": (
        {
            "allOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"$ref": "#/$defs/B"}],
            "$defs": {"B": {"properties": {"b": {}}, "required": ["b"]}},
        },
        {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a", "b"]},
    ),
    "keys by a pattern": (
        {"type": "object", "patternProperties": {"^x-": {"type": "string"}}},
        {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "Other keys match ^x-.",
        },
    ),
    "keys by a pattern, and no others": (
        {
            "type": "object",
            "properties": {"a": {}},
            "patternProperties": {"^x-": {"type": "string"}, "^y-": False},
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"a": {}},
            "additionalProperties": {"type": "string"},
            "description": "Other keys match ^x-.",
        },
    ),
    "keys by patterns, and others": (
        {
            "type": "object",
            "patternProperties": {"^x-": {"type": "string"}, "^y-": {"$ref": "#/$defs/B"}},
            "additionalProperties": {"type": "integer"},
            "$defs": {"B": {"type": "boolean"}},
        },
        {
            "type": "object",
            "additionalProperties": {
                "anyOf": [{"type": "string"}, {"$ref": "#/$defs/B"}, {"type": "integer"}]
            },
            "$defs": {"B": {"type": "boolean"}},
        },
    ),
    "keys by a pattern, and any others": (
        {"type": "object", "patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": True},
        {"type": "object", "additionalProperties": True},
    ),
    "a cycle through what is not required": (
        {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
        {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
    ),
    "C32 a cycle through what is required": (
        {"$ref": "#/$defs/Node", "$defs": {"Node": NODE | {"required": ["value", "next"]}}},
        {
            "$ref": "#/$defs/Node",
            "$defs": {
                "Node": {
                    "type": "object",
                    "properties": {
                        "value": {"type": "integer"},
                        "next": {"type": "object", "description": "Of the same shape as Node."},
                    },
                    "required": ["value", "next"],
                }
            },
        },
    ),
}


@pytest.mark.parametrize(("schema", "cleaned"), LIGHT.values(), ids=LIGHT)
def test_the_free_dialect_is_cleaned_lightly(schema: Schema, cleaned: Schema | None) -> None:
    assert for_response(schema) == cleaned


def action(name: str, **others: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {"action": {"type": "string", "const": name}, **others},
        "required": ["action", *others],
    }


PARAMETERS: dict[str, tuple[Json, Schema | None]] = {
    "null": (None, None),
    "true": (True, None),
    "nothing": ({}, None),
    "a string": ({"type": "string"}, None),
    "no properties": ({"type": "object", "properties": {}}, {"type": "object", "properties": {}}),
    "no type": ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
    "or null": ({"type": ["object", "null"], "properties": {}}, {"type": "object", "properties": {}}),
    "a reference at the root": (
        {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
        NODE | {"$defs": {"Node": NODE}},
    ),
    "alternatives at the root": (
        {
            "anyOf": [
                {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a", "b"]},
                {"type": "object", "properties": {"a": {"type": "string"}, "c": {}}, "required": ["a", "c"]},
            ]
        },
        {"type": "object", "properties": {"a": {"type": "string"}, "b": {}, "c": {}}, "required": ["a"]},
    ),
    "alternatives that a constant tells apart": (
        {"oneOf": [action("create", title={"type": "string"}), action("delete", id={"type": "integer"})]},
        {
            "type": "object",
            "properties": {
                "action": {"type": "string", "enum": ["create", "delete"]},
                "title": {"type": "string"},
                "id": {"type": "integer"},
            },
            "required": ["action"],
        },
    ),
    "alternatives that say different things of a property": (
        {"anyOf": [{"properties": {"id": {"type": "integer"}}}, {"properties": {"id": {"pattern": "^#"}}}]},
        {
            "type": "object",
            "properties": {"id": {"anyOf": [{"type": "integer"}, {"pattern": "^#"}]}},
        },
    ),
    "alternatives of alternatives": (
        {
            "anyOf": [{"$ref": "#/$defs/Write"}, action("read")],
            "$defs": {"Write": {"oneOf": [action("create"), {"$ref": "#/$defs/Write"}, action("delete")]}},
        },
        {
            "type": "object",
            "properties": {"action": {"type": "string", "enum": ["create", "delete", "read"]}},
            "required": ["action"],
        },
    ),
    "an alternative that requires nothing": (
        {"anyOf": [action("read"), {"type": "object"}, {"type": "null"}]},
        {"type": "object", "properties": {"action": {"type": "string", "enum": ["read"]}}},
    ),
}


@pytest.mark.parametrize(("schema", "cleaned"), PARAMETERS.values(), ids=PARAMETERS)
def test_parameters_are_an_object(schema: Json, cleaned: Schema | None) -> None:
    assert for_parameters(schema) == cleaned


TYPED: dict[str, tuple[Json, Schema]] = {
    "C17": (
        {
            "type": "object",
            "properties": {"n": {"type": "string"}, "a": {"type": ["integer", "null"]}},
            "required": ["n", "a"],
            "additionalProperties": False,
        },
        {
            "type": "OBJECT",
            "properties": {"n": {"type": "STRING"}, "a": {"type": "INTEGER", "nullable": True}},
            "propertyOrdering": ["n", "a"],
            "required": ["n", "a"],
        },
    ),
    "C32 const": ({"const": "x"}, {"type": "STRING", "enum": ["x"]}),
    "C32 default": ({"default": 1}, {"type": "STRING"}),
    "C32 enum of integers": (
        {"type": "integer", "enum": [1, 2]},
        {"type": "INTEGER", "description": "One of: 1, 2."},
    ),
    "C32 array without items": ({"type": "array"}, {"type": "ARRAY", "items": {"type": "STRING"}}),
    "C32 tuple": (
        {"type": "array", "items": [{"type": "string"}, {"type": "number"}]},
        {"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}},
    ),
    "C32 recursion": (
        {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
        {
            "type": "OBJECT",
            "properties": {
                "value": {"type": "INTEGER"},
                "next": {"type": "OBJECT", "description": "Of the same shape as Node."},
            },
            "propertyOrdering": ["value", "next"],
            "required": ["value"],
        },
    ),
    "C32 true": (True, {"type": "STRING"}),
    "C32 null as an alternative": (
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"type": "STRING", "nullable": True},
    ),
    "C32 free keys": (
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "OBJECT", "description": "Keys are free."},
    ),
    "several types": ({"type": ["string", "number"]}, {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}),
    "empty strings in an enum": ({"enum": ["", "a"]}, {"type": "STRING", "enum": ["a"]}),
    "format of another type": ({"type": "string", "format": "int32"}, {"type": "STRING"}),
    "not even a schema": (["x"], {"type": "STRING"}),
}


@pytest.mark.parametrize(("schema", "typed"), TYPED.values(), ids=TYPED)
def test_the_typed_dialect(schema: Json, typed: Schema) -> None:
    assert to_openapi(schema) == typed


# --- laws -------------------------------------------------------------------------------------------------

KEYWORDS = (
    "type", "properties", "required", "items", "prefixItems", "anyOf", "oneOf", "allOf", "$ref", "$defs", "definitions",
    "enum", "const", "description", "title", "default", "format", "minimum", "exclusiveMinimum", "multipleOf", "nullable",
    "additionalProperties", "additionalItems", "maxItems", "uniqueItems", "not", "A", "B",
)  # fmt: skip
REFS = (
    "#",
    "#/$defs/A",
    "#/$defs/B",
    "#/definitions/A",
    "#/properties/A",
    "#/items",
    "#/anyOf/0",
    "#/$defs/no",
    "x.json",
)
TYPES = ("object", "array", "string", "integer", "number", "boolean", "null", "STRING", "any")

ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from((*REFS, *TYPES, *KEYWORDS, "", "date")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYWORDS) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=40,
)
SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(TYPES),
            "enum": st.lists(st.sampled_from(("a", "", 1, 1.5, None, True))),
        },
    )
    | st.fixed_dictionaries({"$ref": st.sampled_from(REFS)}, optional={"description": st.text(max_size=3)}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(TYPES),
            "properties": st.dictionaries(st.sampled_from(("A", "B", "$ref", "type")), inner, max_size=3),
            "required": st.lists(st.sampled_from(("A", "B", "C")), max_size=3),
            "$defs": st.dictionaries(st.sampled_from(("A", "B")), inner, max_size=2),
            "items": inner,
            "anyOf": st.lists(inner, max_size=3),
            "allOf": st.lists(inner, max_size=3),
            "$ref": st.sampled_from(REFS),
            "exclusiveMinimum": st.integers(),
            "format": st.sampled_from(("date", "uri")),
        },
    ),
    max_leaves=20,
)
FREE_KEYWORDS = {
    "type", "description", "enum", "properties", "required", "propertyOrdering", "additionalProperties", "items",
    "prefixItems", "anyOf", "oneOf", "$ref", "minimum", "maximum", "minLength", "maxLength", "pattern", "minItems",
    "maxItems", "uniqueItems", "minProperties", "maxProperties", "default", "format",
}  # fmt: skip
TYPED_KEYWORDS = {
    "type", "description", "nullable", "enum", "properties", "required", "propertyOrdering", "items", "anyOf", "minimum",
    "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems", "minProperties", "maxProperties", "format",
}  # fmt: skip


def assert_legal(schema: Schema, defs: Schema, depth: int = 0) -> None:
    assert depth <= MAX_DEPTH + 1
    assert schema.keys() <= FREE_KEYWORDS | ({"$defs"} if depth == 0 else set())
    if "$ref" in schema:
        assert schema.keys() <= {"$ref", "$defs"}
        assert schema["$ref"].removeprefix("#/$defs/") in defs
    assert all(
        isinstance(value, (str, int, float)) and not isinstance(value, bool)
        for value in schema.get("enum", ())
    )
    assert set(schema.get("required", ())) <= schema.get("properties", {}).keys()
    for subschema in (
        *schema.get("properties", {}).values(),
        *schema.get("anyOf", ()),
        *schema.get("oneOf", ()),
    ):
        assert_legal(subschema, defs, depth + 1)
    for subschema in (*schema.get("prefixItems", ()), *([schema["items"]] if "items" in schema else ())):
        assert_legal(subschema, defs, depth + 1)


def assert_typed(schema: Schema, depth: int = 0) -> None:
    assert depth <= MAX_DEPTH
    assert schema.keys() <= TYPED_KEYWORDS
    assert ("type" in schema) != ("anyOf" in schema)
    if "type" in schema:
        assert schema["type"] in {"OBJECT", "ARRAY", "STRING", "INTEGER", "NUMBER", "BOOLEAN"}
    assert ("items" in schema) == (schema.get("type") == "ARRAY")
    assert schema.get("properties", {"some": 1})
    assert all(isinstance(value, str) and value for value in schema.get("enum", ()))
    assert set(schema.get("required", ())) <= schema.get("properties", {}).keys()
    subschemas = (*schema.get("properties", {}).values(), *schema.get("anyOf", ()))
    for subschema in (*subschemas, *([schema["items"]] if "items" in schema else ())):
        assert_typed(subschema, depth + 1)


@given(SCHEMAS | ANY_JSON)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_json_becomes_legal(schema: Any) -> None:
    for cleaned in (for_parameters(schema), for_response(schema)):
        if cleaned is not None:
            defs = cleaned.get("$defs", {})
            assert isinstance(defs, dict)
            assert_legal(cleaned, defs)
            for definition in defs.values():
                assert isinstance(definition, dict)
                assert_legal(definition, defs, depth=1)
    assert_typed(to_openapi(schema))


@given(SCHEMAS | ANY_JSON)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_what_is_clean_stays_as_it_is(schema: Any) -> None:
    for clean in (for_parameters, for_response):
        once = clean(schema)
        assert once is None or clean(once) == once


@given(SCHEMAS)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_what_was_said_of_a_schema_is_said_again_whatever_became_of_it(schema: Any) -> None:
    first = for_parameters(schema)
    told = to_json(first)
    if first is not None:
        first.clear()
    assert to_json(for_parameters(schema)) == told


@given(st.lists(st.text(), unique=True), st.sampled_from((for_parameters, for_response, to_openapi)))
def test_names_of_properties_survive(names: list[str], clean: Any) -> None:
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in ("a", *names)}}
    assert list(clean(schema)["properties"]) == list(schema["properties"])


def explosion(keyword: str) -> Schema:
    """Every definition holds the next one twice."""
    defs = {f"D{i}": {keyword: [{"$ref": f"#/$defs/D{i + 1}"}] * 2} for i in range(60)}
    return {"properties": {"a": {"$ref": "#/$defs/D0"}}, "required": ["a"], "$defs": defs}


def mutual(size: int) -> Schema:
    """Every definition requires every other one."""
    names = [f"D{i}" for i in range(size)]
    refs = {name: {"$ref": f"#/$defs/{name}"} for name in names}
    merged = {name: {"allOf": [*refs.values(), {"type": "object"}]} for name in names}
    return {
        "properties": refs,
        "$defs": {name: {"properties": refs | merged, "required": names} for name in names},
    }


def chain(length: int) -> Schema:
    defs: Schema = {f"D{i}": {"$ref": f"#/$defs/D{i + 1}"} for i in range(length)}
    return {"$ref": "#/$defs/D0", "$defs": defs | {f"D{length}": {"type": "string"}}}


BOMBS: dict[str, Schema] = {
    "anyOf doubles": explosion("anyOf"),
    "many wide alternatives": {
        "anyOf": [{"allOf": [{"$ref": "#/$defs/Wide"}], "description": f"{n}"} for n in range(1_000)],
        "$defs": {"Wide": {"properties": {f"p{n}": {"const": n} for n in range(1_000)}}},
    },
    "allOf doubles": explosion("allOf"),
    "prefixItems double": explosion("prefixItems"),
    "all require all": mutual(30),
    "a chain of thousands": chain(5_000),
    "an allOf of itself": {
        "allOf": [{"$ref": "#"}, {"$ref": "#"}],
        "properties": {"a": {"allOf": [{"$ref": "#"}, {}]}},
    },
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("schema", BOMBS.values(), ids=BOMBS)
def test_references_do_not_explode(schema: Schema) -> None:
    for_parameters(schema)
    for_response(schema)
    assert_typed(to_openapi(schema))
