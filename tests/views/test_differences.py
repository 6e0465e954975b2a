"""Where two JSON values differ, and how they are shown."""

import pytest
from hypothesis import given

from antigravity_addon.views.differences import (
    ABSENT,
    FREE_JSON,
    Difference,
    Place,
    differences,
    is_same,
    leaves,
    pattern_of,
    shown,
    shown_path,
)
from antigravity_addon.wire.base import Json
from tests.translate.openai_chat.test_request_laws import JSON

CASES: dict[str, tuple[Place, Place, list[Difference]]] = {
    "the same": ({"a": [1, {"b": None}]}, {"a": [1.0, {"b": None}]}, []),
    "true is not 1": (True, 1, [Difference((), before=True, after=1)]),
    "null is not absent": ({"a": None}, {}, [Difference(("a",), None, ABSENT)]),
    "leaf by leaf": (
        {"a": {"b": 1, "c": 2}},
        {"a": {"b": 3}, "d": {"e": 4}},
        [Difference(("a", "b"), 1, 3), Difference(("a", "c"), 2, ABSENT), Difference(("d", "e"), ABSENT, 4)],
    ),
    "an empty object is a leaf": ({}, {"a": {}}, [Difference(("a",), ABSENT, {})]),
    "a list of scalars is a leaf": ({"a": ["x"]}, {"a": ["x", "y"]}, [Difference(("a",), ["x"], ["x", "y"])]),
    "an item in the middle moves no other": (
        [{"a": 1}, {"a": 3}],
        [{"a": 1}, {"a": 2}, {"a": 3}],
        [Difference((1, "a"), ABSENT, 2)],
    ),
    "an item that is gone": ([{"a": 1}, {"a": 2}], [{"a": 2}], [Difference((0, "a"), 1, ABSENT)]),
    "free JSON is a leaf": (
        {"args": {"a": 1}},
        {"args": {"a": 2}},
        [Difference(("args",), {"a": 1}, {"a": 2})],
    ),
    "of another kind": ({"a": [{}]}, {"a": "x"}, [Difference(("a",), [{}], "x")]),
}


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES)
def test_differences(before: Place, after: Place, expected: list[Difference]) -> None:
    assert list(differences(before, after, whole=FREE_JSON)) == expected


@given(JSON, JSON)
def test_only_what_differs_has_differences(one: Json, other: Json) -> None:
    assert bool(list(differences(one, other))) is not is_same(one, other)


@given(JSON)
def test_every_leaf_is_where_it_is_said_to_be(value: Json) -> None:
    for path, leaf in leaves(value).items():
        node = value
        for step in path:
            match node, step:
                case dict(), str():
                    node = node[step]
                case list(), int():
                    node = node[step]
                case _:
                    pytest.fail(f"{path} leads nowhere")
        assert node is leaf


def test_paths() -> None:
    path = ("contents", 0, "parts", 12, "a b", "$ref", "x")
    assert shown_path(path) == 'contents[0].parts[12]["a b"].$ref.x'
    assert pattern_of(path) == 'contents[].parts[]["a b"].$ref.x'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("short", '"short"'),
        ("a long text", '"a long t…"'),
        ("naïve\n", '"naïve\\n"'),
        ({"a": 1}, '{"a":1}'),
        ({"a": 1, "b": "xxxx"}, "{2 fields}"),
        ([1, 2, 3, 4, 5, 6], "[6 items]"),
        ({}, "{}"),
        (None, "null"),
        (True, "true"),
        (12345678901234, "1234567890…"),
        (ABSENT, "(nothing)"),
    ],
)
def test_values_in_little_room(value: Place, text: str) -> None:
    assert shown(value, 11) == text
