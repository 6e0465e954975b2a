"""What is told of schemas that were cleaned."""

import pytest
from hypothesis import given

from antigravity_addon.translate.json_schema import for_parameters, for_response
from antigravity_addon.views.schemas import changes_of, in_words
from antigravity_addon.wire.base import Json, JsonObject
from tests.translate.openai_chat.test_request_laws import JSON

WORDS: dict[str, tuple[JsonObject, str]] = {
    "nothing to say": ({"type": "object", "properties": {"a": {"type": "string"}}}, ""),
    "a keyword that Gemini does not know": (
        {"type": "object", "properties": {"a": {"type": "string", "examples": ["x"]}}},
        'without properties.a.examples ["x"]',
    ),
    "words in its place": (
        {"type": "object", "properties": {"a": {"type": "number", "multipleOf": 5}}},
        "without properties.a.multipleOf 5 (the description says it)",
    ),
    "words beside those that were there": (
        {"type": "object", "properties": {"a": {"type": "string", "format": "uri", "description": "A."}}},
        'without properties.a.format "uri" (the description says it)',
    ),
    "another keyword in its place": (
        {"type": "object", "properties": {"a": {"type": "string", "const": "x"}}},
        'without properties.a.const "x"; now with properties.a.enum ["x"]',
    ),
    "references stay what they are": (
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/definitions/A"}},
            "definitions": {"A": {"type": "string"}},
        },
        "",
    ),
    "many": (
        {"type": "object", "properties": {str(number): {"title": "t"} for number in range(9)}},
        ", ".join(f'properties["{number}"].title "t"' for number in range(6)).join(
            ("without ", " and 3 more")
        ),
    ),
}


@pytest.mark.parametrize(("schema", "words"), WORDS.values(), ids=WORDS)
def test_words(schema: JsonObject, words: str) -> None:
    assert in_words(changes_of(schema, for_parameters(schema))) == words


@given(JSON)
def test_a_schema_of_which_nothing_is_told_is_as_it_was(schema: Json) -> None:
    cleaned = for_response(schema)
    if isinstance(schema, dict) and not changes_of(schema, cleaned):
        assert (cleaned or {}) == schema
