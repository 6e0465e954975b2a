"""A client's request with another model or another prompt in it, and else as it was. Pure."""

from pydantic import JsonValue, TypeAdapter, ValidationError

from antigravity_addon.wire.base import JsonObject

from .routes import Endpoint

_OBJECT = TypeAdapter[JsonObject](JsonObject)
_TEXTS = frozenset({"text", "input_text"})
"""Kinds of the parts of a message that are text: of Chat Completions and of Responses."""


class EditError(ValueError):
    """The request has no place for what is wanted; the message says why."""


def edited(endpoint: Endpoint, body: bytes, *, model: str = "", prompt: str | None = None) -> bytes:
    """`prompt` replaces the text of the last message of the user's; images and files of that message stay.

    Raises: EditError.
    """
    if not model and prompt is None:
        return body
    try:
        request = _OBJECT.validate_json(body)
    except ValidationError:
        raise EditError("The request's body is no JSON object, and only such can be changed.") from None
    if model:
        request |= {"model": model}
    if prompt is not None:
        request |= _prompted(endpoint, request, prompt)
    return _OBJECT.dump_json(request)


def _prompted(endpoint: Endpoint, request: JsonObject, prompt: str) -> JsonObject:
    match endpoint, request:
        case (Endpoint.CHAT_COMPLETIONS, {"messages": list(messages)}):
            return {"messages": _with_text(messages, prompt, kind="text")}
        case (Endpoint.COMPLETIONS, _):
            return {"prompt": prompt}
        case (Endpoint.RESPONSES, {"input": list(items)}):
            return {"input": _with_text(items, prompt, kind="input_text")}
        case (Endpoint.RESPONSES, _):
            return {"input": prompt}
        case _:
            raise EditError(
                "A prompt can be replaced in requests for chat completions, completions and responses, and this is none."
            )


def _with_text(messages: list[JsonValue], text: str, *, kind: str) -> list[JsonValue]:
    for index in reversed(range(len(messages))):
        match messages[index]:
            case {"role": "user", "content": content, **others}:
                message: JsonValue = {**others, "role": "user", "content": _content(content, text, kind=kind)}
                return [*messages[:index], message, *messages[index + 1 :]]
            case _:
                pass
    raise EditError("The request has no message of the user's whose text could be replaced.")


def _content(content: JsonValue, text: str, *, kind: str) -> JsonValue:
    """The new text stands where the first one stood."""
    if not isinstance(content, list):
        return text
    places = [index for index, part in enumerate(content) if _is_text(part)]
    place = places[0] if places else len(content)
    others = [part for part in content[place:] if not _is_text(part)]
    return [*content[:place], {"type": kind, "text": text}, *others]


def _is_text(part: JsonValue) -> bool:
    return isinstance(part, dict) and part.get("type") in _TEXTS
