"""Chat Completions: the request's conversation."""

from antigravity_addon.wire.base import Json

from .answer import GrowingChoice
from .conversation import Conversation, Message, settings_of
from .foreign import Foreign, Several, Words, read_object
from .openai_choices import ChatMessage, add_message
from .openai_content import content_parts, extra_parts, tools_in
from .parts import Result


class _Request(Foreign):
    model: Words = ""
    messages: Several = ()
    tools: Json = None
    functions: Json = None


def read_conversation(body: bytes) -> Conversation:
    reading = read_object(body)
    request = _Request.of(reading.value)
    return Conversation(
        model=request.model,
        messages=tuple(map(_to_message, request.messages)),
        tools=(*tools_in(request.tools), *tools_in(request.functions)),
        settings=settings_of(request.rest),
        problem=reading.problem,
        raw=reading.raw,
    )


def _to_message(value: Json) -> Message:
    if not isinstance(value, dict):
        return Message("", tuple(content_parts(value)))
    message = ChatMessage.of(value)
    if message.role in {"tool", "function"}:
        result = Result(tuple(content_parts(message.content)), message.tool_call_id, message.name)
        return Message(message.role, (result, *extra_parts(message.rest)))
    growing = GrowingChoice()
    add_message(growing, message)
    names = {"name": message.name, "tool_call_id": message.tool_call_id}
    growing.add(extra_parts({**{name: text for name, text in names.items() if text}, **message.rest}))
    return Message(message.role, growing.to_choice(0).parts)
