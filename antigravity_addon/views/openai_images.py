"""Image generation: what was asked for, and what came."""

from antigravity_addon.wire.base import Json

from .answer import Answer, Choice, Failure, figures_in, openai_failure, rest_of
from .conversation import Conversation, Message, settings_of
from .foreign import Foreign, Several, Words, read_messages, read_object
from .openai_content import content_parts, extra_parts
from .parts import Other, Part, Reference, opaque


class _Request(Foreign):
    model: Words = ""
    prompt: Json = None


def read_conversation(body: bytes) -> Conversation:
    reading = read_object(body)
    request = _Request.of(reading.value)
    prompt = tuple(content_parts(request.prompt))
    return Conversation(
        model=request.model,
        messages=(Message("prompt", prompt),) if prompt else (),
        settings=settings_of(request.rest),
        problem=reading.problem,
        raw=reading.raw,
    )


class _Images(Foreign):
    created: Json = None
    data: Several = ()
    usage: Json = None
    error: Json = None


def read_answer(body: bytes) -> Answer:
    messages = read_messages(body)
    parts: list[Part] = []
    failures: list[Failure] = []
    usage: Json = None
    rest: dict[str, Json] = {}
    for value in messages.values:
        images = _Images.of(value)
        parts += [part for image in images.data for part in _parts_of(image)]
        usage = images.usage or usage
        rest |= images.rest if isinstance(value, dict) else {"answer": value}
        if images.error is not None:
            failures.append(openai_failure(images.error))
    return Answer(
        choices=(Choice(parts=tuple(parts)),) if parts else (),
        usage=tuple(figures_in(usage)),
        failures=tuple(failures),
        streamed=messages.streamed,
        rest=rest_of(rest),
        problem=messages.problem,
        raw=messages.raw,
    )


def _parts_of(image: Json) -> tuple[Part, ...]:
    match image:
        case {"b64_json": str(data), **rest}:
            return (opaque("image", data), *extra_parts(rest))
        case {"url": str(url), **rest}:
            return (Reference("image", url), *extra_parts(rest))
        case _:
            return (Other("image", image),)
