"""Legacy Completions: the request's prompts."""

from antigravity_addon.wire.base import Json

from .conversation import Conversation, Message, settings_of
from .foreign import Foreign, Words, each_in, read_object
from .parts import Other, Part, Text


class _Request(Foreign):
    model: Words = ""
    prompt: Json = None
    suffix: Json = None


def read_conversation(body: bytes) -> Conversation:
    reading = read_object(body)
    request = _Request.of(reading.value)
    prompts = [Message("prompt", (_prompt(prompt),)) for prompt in _prompts(request.prompt)]
    suffix = [Message("suffix", (_prompt(request.suffix),))] if request.suffix is not None else []
    return Conversation(
        model=request.model,
        messages=(*prompts, *suffix),
        settings=settings_of(request.rest),
        problem=reading.problem,
        raw=reading.raw,
    )


def _prompts(prompt: Json) -> tuple[Json, ...]:
    """A list of numbers is one prompt in tokens."""
    match prompt:
        case [int(), *_]:
            return (prompt,)
        case _:
            return each_in(prompt)


def _prompt(prompt: Json) -> Part:
    return Text(prompt) if isinstance(prompt, str) else Other("tokens", prompt)
