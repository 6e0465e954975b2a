"""What goes into a tool and what comes out of it, as the JSON objects that Gemini wants for both."""

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from antigravity_addon.wire.base import Json, JsonObject

from .readable_json import is_readable

CUSTOM_PARAMETERS: JsonObject = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The whole input of the tool, as plain text."}},
    "required": ["input"],
}
"""Of a custom tool, which takes text and no JSON: to Gemini it is a function of one string."""

_JSON: TypeAdapter[Json] = TypeAdapter(Json)


def to_arguments(arguments: Json) -> JsonObject:
    """Arguments, or their text, are never edited. What is no object is wrapped into one: the model once wrote
    it so. What Gemini could not read goes as its text."""
    if isinstance(arguments, str):
        if not arguments.strip():
            return {}
        try:
            arguments = _parsed(arguments)
        except ValueError:
            return {"_raw": arguments}
    elif not is_readable(arguments):
        return {"_raw": to_json(arguments).decode()}
    match arguments:
        case None:
            return {}
        case dict():
            return arguments
        case _:
            return {"value": arguments}


def to_arguments_text(arguments: JsonObject) -> str:
    """JSON of the arguments of a call. NaN and the infinities are none, though Gemini's side would parse them."""
    return to_json(arguments, inf_nan_mode="null").decode()


def to_custom_arguments(text: str) -> JsonObject:
    return {"input": text}


def to_custom_input(arguments: JsonObject) -> str:
    """The text for a custom tool. Of arguments that the model made up otherwise, their JSON."""
    match arguments:
        case {"input": str(text)}:
            return text
        case _:
            return to_arguments_text(arguments)


def to_response(text: str) -> JsonObject:
    """A result that is a JSON object stays one; everything else is its output."""
    try:
        parsed = _parsed(text)
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"output": text}


def _parsed(text: str) -> Json:
    """Raises: ValueError: it is no JSON that Gemini reads; NaN, which Python's tools write, is none at all."""
    from_json(text, allow_inf_nan=False)
    parsed = _JSON.validate_json(text)
    if not is_readable(parsed):
        raise ValueError(text)
    return parsed
