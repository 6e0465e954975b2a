"""How JSON of a client is read, whatever the dialect, and what it is told about JSON that does not fit."""

import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, Discriminator, Field, Tag, TypeAdapter
from pydantic_core import PydanticCustomError

from antigravity_addon.errors import InvalidJson, InvalidRequest, MissingParameter
from antigravity_addon.wire.inbound import (
    MISSING_CONTENT,
    ClientInbound,
    Integer,
    read_json_object,
    shown,
)


class Apple(ClientInbound):
    kind: Literal["apple"]
    weight: Annotated[float, Field(ge=0, le=2)] | None = None


class Pear(ClientInbound):
    kind: Literal["pear"]
    stem: Literal["short", "long"] | None = None


def fruit_arm(value: Any) -> str:
    return "<apple>" if isinstance(value, dict) and value.get("kind") == "apple" else "<pear>"


type Fruit = Annotated[
    Annotated[Apple, Tag("<apple>")] | Annotated[Pear, Tag("<pear>")], Discriminator(fruit_arm)
]


def at_least_one(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise PydanticCustomError(MISSING_CONTENT, "'names' must hold at least one name.")
    return names


class Basket(ClientInbound):
    owner: Annotated[str, Field(min_length=1)]
    seed: Integer | None = None
    limit: Annotated[Integer, Field(gt=0)] | None = None
    is_open: bool | None = None
    fruits: tuple[Fruit, ...] | None = None
    labels: Annotated[tuple[str, ...], Field(min_length=1, max_length=2)] | None = None
    names: Annotated[tuple[str, ...], AfterValidator(at_least_one)] | None = None


BASKET = TypeAdapter(Basket)


def body(**fields: Any) -> bytes:
    return json.dumps({"owner": "Ana", **fields}).encode()


NO_OBJECTS: dict[str, bytes] = {
    "C07 cut off": b'{"owner":',
    "empty": b"",
    "an array": b"[]",
    "a number": b"5",
    "invalid UTF-8": b'{"owner": "\xff"}',
    "UTF-16": '{"owner": "m"}'.encode("utf-16"),
    "lone surrogate": rb'{"owner": "\ud800"}',
    "nested too deeply": b'{"x":' + b"[" * 100_000,
    "number of five thousand digits": b'{"seed":' + b"9" * 5_000 + b"}",
}


@pytest.mark.parametrize("sent", NO_OBJECTS.values(), ids=NO_OBJECTS)
def test_what_is_no_json_object_is_called_so(sent: bytes) -> None:
    with pytest.raises(InvalidJson) as refusal:
        read_json_object(sent, BASKET)
    assert (refusal.value.code, refusal.value.param) == ("invalid_json", None)


MISSING = "missing_required_parameter"
REFUSED: dict[str, tuple[bytes, str, str, str]] = {
    "missing": (b"{}", "owner", MISSING, "Missing required parameter: 'owner'."),
    "missing in the arm of a union": (
        body(fruits=[{"kind": "apple"}, {}]),
        "fruits[1].kind",
        MISSING,
        "Missing required parameter: 'fruits[1].kind'.",
    ),
    "missing in the model's own words": (
        body(names=[]),
        "names",
        MISSING,
        "'names' must hold at least one name.",
    ),
    "empty text": (
        body(owner=""),
        "owner",
        "invalid_value",
        "Invalid value for 'owner': it must not be empty.",
    ),
    "empty array": (
        body(labels=[]),
        "labels",
        "invalid_value",
        "Invalid value for 'labels': it must not be empty.",
    ),
    "long array": (
        body(labels=["a", "b", "c"]),
        "labels",
        "invalid_value",
        "Invalid value for 'labels': it can have 2 items at most.",
    ),
    "no string": (
        body(owner=5),
        "owner",
        "invalid_type",
        "Invalid type for 'owner': expected a string, but got an integer instead.",
    ),
    "null is no string": (
        body(owner=None),
        "owner",
        "invalid_type",
        "Invalid type for 'owner': expected a string, but got null instead.",
    ),
    "no number": (
        body(fruits=[{"kind": "apple", "weight": "2"}]),
        "fruits[0].weight",
        "invalid_type",
        "Invalid type for 'fruits[0].weight': expected a number, but got a string instead.",
    ),
    "NaN is no number": (
        body(fruits=[{"kind": "apple", "weight": float("nan")}]),
        "fruits[0].weight",
        "invalid_type",
        "Invalid type for 'fruits[0].weight': expected a finite number, but got a decimal number instead.",
    ),
    "half is no integer": (
        body(limit=0.5),
        "limit",
        "invalid_type",
        "Invalid type for 'limit': expected an integer, but got a decimal number instead.",
    ),
    "true is no integer": (
        body(limit=True),
        "limit",
        "invalid_type",
        "Invalid type for 'limit': expected an integer, but got a boolean instead.",
    ),
    "1 is not true": (
        body(is_open=1),
        "is_open",
        "invalid_type",
        "Invalid type for 'is_open': expected a boolean, but got an integer instead.",
    ),
    "no array": (
        body(fruits={}),
        "fruits",
        "invalid_type",
        "Invalid type for 'fruits': expected an array, but got an object instead.",
    ),
    "no object": (
        body(fruits=[[]]),
        "fruits[0]",
        "invalid_type",
        "Invalid type for 'fruits[0]': expected an object, but got an array instead.",
    ),
    "above the most": (
        body(fruits=[{"kind": "apple", "weight": 2.5}]),
        "fruits[0].weight",
        "invalid_value",
        "Invalid value for 'fruits[0].weight': it must be at most 2.0, and is 2.5.",
    ),
    "below the least": (
        body(fruits=[{"kind": "apple", "weight": -1}]),
        "fruits[0].weight",
        "invalid_value",
        "Invalid value for 'fruits[0].weight': it must be at least 0.0, and is -1.",
    ),
    "not above": (
        body(limit=0),
        "limit",
        "invalid_value",
        "Invalid value for 'limit': it must be greater than 0, and is 0.",
    ),
    "huge numbers are not shown": (
        body(limit=-(10**4000)),
        "limit",
        "invalid_value",
        "Invalid value for 'limit': it must be greater than 0, and is an integer.",
    ),
    "none of the words": (
        body(fruits=[{"kind": "pear", "stem": "odd"}]),
        "fruits[0].stem",
        "invalid_value",
        "Invalid value for 'fruits[0].stem': expected 'short' or 'long', but got 'odd'.",
    ),
    "long values are cut": (
        body(fruits=[{"kind": "pear", "stem": "y" * 100}]),
        "fruits[0].stem",
        "invalid_value",
        f"Invalid value for 'fruits[0].stem': expected 'short' or 'long', but got '{'y' * 60}…'.",
    ),
}


@pytest.mark.parametrize(("sent", "param", "code", "message"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_the_field_and_what_was_expected(
    sent: bytes, param: str, code: str, message: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read_json_object(sent, BASKET)
    assert (refusal.value.param, refusal.value.code, refusal.value.message) == (param, code, message)
    assert isinstance(refusal.value, MissingParameter) == (code == MISSING)


def test_100_0_is_an_integer() -> None:
    assert read_json_object(b'{"owner":"Ana","seed":100.0}', BASKET) == Basket(owner="Ana", seed=100)


def test_a_byte_order_mark_says_nothing() -> None:
    sent = '\ufeff{"owner":"Ana"}'.encode()
    assert read_json_object(sent, BASKET) == Basket(owner="Ana")
    with pytest.raises(InvalidJson):
        read_json_object(b"\xef\xbb\xbf" + sent, BASKET)


SHOWN: dict[str, tuple[object, str]] = {
    "text": ("it's", '"it\'s"'),
    "long text": ("x" * 61, f"'{'x' * 60}…'"),
    "null": (None, "None"),
    "an integer": (5, "5"),
    "a huge integer": (10**60, "an integer"),
    "an array": ([1], "an array"),
    "an object": ({"a": 1}, "an object"),
}


@pytest.mark.parametrize(("value", "text"), SHOWN.values(), ids=SHOWN)
def test_values_are_shown_to_be_recognised(value: object, text: str) -> None:
    assert shown(value) == text


@given(st.binary())
def test_no_bytes_break_it(sent: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_json_object(sent, BASKET)
