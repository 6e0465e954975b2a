"""Messages of chat, and the answers that are made of choices: Chat Completions', and the legacy ones' of texts."""

from collections.abc import Iterator

from antigravity_addon.wire.base import Json

from .answer import Answer, Failure, GrowingChoice, GrowingChoices, figures_in, openai_failure, rest_of
from .foreign import Foreign, Several, Words, read_messages
from .openai_content import annotation_parts, content_parts, extra_parts
from .parts import Call, Part, Reasoning, Refusal, Text, media, opaque


class ChatMessage(Foreign):
    role: Words = ""
    content: Json = None
    reasoning_content: Json = None
    """DeepSeek's name for it,"""
    reasoning: Json = None
    """and OpenRouter's."""
    refusal: Words = ""
    tool_calls: Several = ()
    function_call: Json = None
    tool_call_id: Words = ""
    name: Words = ""
    annotations: Json = None
    images: Several = ()
    audio: Json = None


class _Function(Foreign):
    name: Words = ""
    arguments: Json = None
    input: Json = None


class _ToolCall(Foreign):
    index: Json = None
    id: Words = ""
    type: Words = ""
    function: Json = None
    custom: Json = None


def add_message(choice: GrowingChoice, message: ChatMessage) -> None:
    """A message, or a piece of one."""
    thoughts = message.reasoning_content if message.reasoning_content is not None else message.reasoning
    if isinstance(thoughts, str):
        choice.say(Reasoning, thoughts)
    elif thoughts is not None:
        choice.add(extra_parts({"reasoning": thoughts}))
    if isinstance(message.content, str):
        choice.say(Text, message.content)
    else:
        choice.add(content_parts(message.content))
    choice.say(Refusal, message.refusal)
    choice.add(annotation_parts(message.annotations))
    for place, value in enumerate(message.tool_calls):
        _add_call(choice, value, place)
    if message.function_call is not None:
        function = _Function.of(message.function_call)
        choice.call("function_call", Call(function.name, function.arguments, kind="function_call"))
    choice.add(_images(message))
    choice.add(_audio(message.audio))


def _add_call(choice: GrowingChoice, value: Json, place: int) -> None:
    call = _ToolCall.of(value)
    nested = call.custom if isinstance(call.custom, dict) else call.function
    function = _Function.of(nested)
    kind = "" if call.type == "function" else call.type
    arguments = function.arguments if function.input is None else function.input
    key = call.index if isinstance(call.index, int) else call.id or place
    choice.call(str(key), Call(function.name, arguments, call.id, kind))
    choice.add(extra_parts({**call.rest, **function.rest}))


def _images(message: ChatMessage) -> Iterator[Part]:
    """OpenRouter's field."""
    for image in message.images:
        match image:
            case {"image_url": {"url": str(url)}}:
                yield media("image", url)
            case _:
                yield from extra_parts({"image": image})


def _audio(audio: Json) -> Iterator[Part]:
    match audio:
        case {"data": str(data), **rest}:
            yield opaque("audio", data)
            yield from extra_parts({"audio": rest})
        case _:
            yield from extra_parts({"audio": audio})


# --- the answer -------------------------------------------------------------------------------------------


class _Chunk(Foreign):
    """A chunk, or a whole answer."""

    id: Words = ""
    object: Words = ""
    created: Json = None
    model: Words = ""
    choices: Several = ()
    usage: Json = None
    error: Json = None
    system_fingerprint: Json = None
    service_tier: Json = None


class _Choice(Foreign):
    index: Json = None
    message: Json = None
    delta: Json = None
    text: Words = ""
    """Legacy Completions'."""
    finish_reason: Words = ""
    logprobs: Json = None
    """One for each token: no reading."""


def read_answer(body: bytes) -> Answer:
    messages = read_messages(body)
    choices, failures = GrowingChoices(), list[Failure]()
    model = id_ = ""
    usage: Json = None
    rest: dict[str, Json] = {}
    for value in messages.values:
        chunk = _Chunk.of(value)
        model, id_, usage = chunk.model or model, chunk.id or id_, chunk.usage or usage
        rest |= chunk.rest if isinstance(value, dict) else {"answer": value}
        if chunk.error is not None:
            failures.append(openai_failure(chunk.error))
        for each in chunk.choices:
            choice = _Choice.of(each)
            growing = choices.at(choice.index)
            _add_piece(growing, choice)
            growing.finish = choice.finish_reason or growing.finish
    return Answer(
        model=model,
        id=id_,
        choices=choices.to_choices(),
        usage=tuple(figures_in(usage)),
        failures=tuple(failures),
        streamed=messages.streamed,
        cut_off=_cut_off(choices, done=messages.done) if messages.streamed and not failures else "",
        rest=rest_of(rest),
        problem=messages.problem,
        raw=messages.raw,
    )


def _add_piece(growing: GrowingChoice, choice: _Choice) -> None:
    message = ChatMessage.of(choice.message if choice.delta is None else choice.delta)
    growing.say(Text, choice.text)
    add_message(growing, message)
    growing.add(extra_parts({**choice.rest, **message.rest}))


def _cut_off(choices: GrowingChoices, *, done: bool) -> str:
    if not choices.all_finished:
        return "The stream was cut off: no finish reason came." if not done else "No finish reason came."
    return "" if done else "The stream was cut off at its very end: [DONE] did not come."
