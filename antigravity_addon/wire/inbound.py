"""JSON that clients send: how strictly it is read, and what they are told when it does not fit.

Types are strict, as OpenAI's are. Arms of a union carry tags in angle brackets: pydantic puts a tag into an
error's location, where no client should see it, and no field is called so.
"""

import codecs
from collections.abc import Mapping
from typing import Annotated, NoReturn

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from antigravity_addon.errors import InvalidJson, InvalidRequest, MissingParameter

from .base import Inbound

MISSING_CONTENT = "missing_content"
"""The type of a `PydanticCustomError` by which a model says in its own words that something is missing."""


_TAKEN_BY = {
    "messages": "/v1/chat/completions",
    "input": "/v1/responses",
    "prompt": "/v1/completions",
}
"""What is asked, by the name that it has in one API and not in the others. Clients mistake one for another."""


class ClientInbound(Inbound):
    """What a client sends. `null` means absent wherever a field is optional."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


def _integral(value: object) -> object:
    """JSON has one kind of number: 100.0 is the same one as 100."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


type Integer = Annotated[int, BeforeValidator(_integral)]


def read_json_object[T](body: bytes, adapter: TypeAdapter[T]) -> T:
    """A byte order mark is not looked at, as RFC 8259, section 8.1, allows: editors and shells of Windows put one in front.

    Raises: InvalidRequest: and nothing else, whatever the bytes; names the first field at fault.
    """
    try:
        return adapter.validate_json(body.removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        _refuse(error.errors(include_url=False)[0], error)


def missing_parameter(param: str, given: object) -> MissingParameter:
    """`given` is what came without it."""
    message = f"Missing required parameter: '{param}'."
    if param in _TAKEN_BY and isinstance(given, Mapping):
        message += "".join(
            f" '{other}' is for POST {path}."
            for other, path in _TAKEN_BY.items()
            if other != param and other in given
        )
    return MissingParameter(message, param=param)


# --- pydantic's errors in the client's words --------------------------------------------------------------

_EXPECTED: dict[str, str] = {
    "string_type": "a string",
    "int_type": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "a boolean",
    "tuple_type": "an array",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
_BOUNDS: dict[str, tuple[str, str]] = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def _refuse(details: ErrorDetails, cause: ValidationError) -> NoReturn:
    kind, param, context = details["type"], _json_path(details["loc"]), details.get("ctx", {})
    if kind == "json_invalid":
        raise InvalidJson(f"The body of the request is not valid JSON: {context['error']}.") from cause
    if not param:
        raise InvalidJson(
            f"The body of the request must be a JSON object, not {_kind_of(details['input'])}."
        ) from cause
    if kind == "missing":
        raise missing_parameter(param, details["input"]) from cause
    if kind == MISSING_CONTENT:
        raise MissingParameter(details["msg"], param=param) from cause
    if expected := _EXPECTED.get(kind):
        message = (
            f"Invalid type for '{param}': expected {expected}, but got {_kind_of(details['input'])} instead."
        )
        raise InvalidRequest(message, param=param, code="invalid_type") from cause
    if bound := _BOUNDS.get(kind):
        wording, key = bound
        reason = f"it must be {wording} {context[key]}, and is {shown(details['input'])}"
    elif kind == "literal_error":
        reason = f"expected {context['expected']}, but got {shown(details['input'])}"
    elif kind in {"string_too_short", "too_short"}:
        reason = "it must not be empty"
    elif kind == "too_long":
        reason = f"it can have {context['max_length']} items at most"
    else:
        reason = f"{shown(details['input'])} cannot be used here"
    raise InvalidRequest(f"Invalid value for '{param}': {reason}.", param=param) from cause


def _json_path(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif not step.startswith("<"):
            path += f".{step}" if path else step
    return path


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


_SHOWN_LENGTH = 60


def shown(value: object) -> str:
    """Enough of a value to recognise it by, in the text of an error."""
    match value:
        case str() if len(value) > _SHOWN_LENGTH:
            return repr(value[:_SHOWN_LENGTH] + "…")
        case str() | bool() | float() | None:
            return repr(value)
        case int() if abs(value) < 10**_SHOWN_LENGTH:
            return str(value)
        case _:
            return _kind_of(value)
