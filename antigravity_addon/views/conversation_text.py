"""The view of a request: its conversation as text."""

from collections.abc import Iterable, Iterator

from .conversation import Conversation, Message, Setting, Tool
from .parts import Call
from .readers import read_conversation
from .wording import indented, json_text, labelled, part_in_words, rule

_SHORT_VALUE = 60


def conversation_text(path: str, body: bytes, content_type: str = "") -> str:
    """Raises: NoDialectError: nothing is said at this path."""
    return "\n".join(_lines(read_conversation(path, body, content_type)))


def _lines(conversation: Conversation) -> Iterator[str]:
    if head := _head(conversation):
        yield head
    if conversation.problem:
        yield f"! {conversation.problem}"
    short = [setting for setting in conversation.settings if _is_short(setting)]
    if short:
        yield " · ".join(f"{setting.name} {json_text(setting.value) or 'null'}" for setting in short)
    if conversation.goes_on_from:
        yield f"Goes on from {conversation.goes_on_from}, which the gateway keeps and this request does not hold."
    names = names_of_calls(conversation.messages)
    for place, message in enumerate(conversation.messages, start=1):
        yield ""
        yield rule(f"{place} · {message.role or 'without a role'}")
        yield message_in_words(message, names)
    yield from _tail(conversation)


def _tail(conversation: Conversation) -> Iterator[str]:
    if conversation.tools:
        yield ""
        yield rule(f"tools on offer: {len(conversation.tools)}")
        yield "\n\n".join(map(tool_in_words, conversation.tools))
    long = [setting for setting in conversation.settings if not _is_short(setting)]
    if long:
        yield ""
        yield rule("settings")
        yield "\n".join(map(setting_in_words, long))
    if conversation.raw:
        yield ""
        yield conversation.raw


def _head(conversation: Conversation) -> str:
    counts = (counted(len(conversation.messages), "message"), counted(len(conversation.tools), "tool"))
    return " · ".join(filter(None, (conversation.model, *counts)))


def counted(number: int, noun: str) -> str:
    return "" if not number else f"{number} {noun}{'' if number == 1 else 's'}"


def names_of_calls(messages: Iterable[Message]) -> dict[str, str]:
    """A result says its call's id; people want the tool's name."""
    return {
        part.id: part.name
        for message in messages
        for part in message.parts
        if isinstance(part, Call) and part.id
    }


def message_in_words(message: Message, names: dict[str, str]) -> str:
    return "\n".join(part_in_words(part, names) for part in message.parts) or "(empty)"


def tool_in_words(tool: Tool) -> str:
    head = f"{tool.name} ({tool.kind})" if tool.kind else tool.name
    description = f"\n{indented(tool.description)}" if tool.description else ""
    details = json_text(tool.details)
    return head + description + (f"\n{indented(details)}" if details else "")


def setting_in_words(setting: Setting) -> str:
    return labelled(setting.name, setting.value)


def _is_short(setting: Setting) -> bool:
    match setting.value:
        case dict() | list():
            return not setting.value
        case str(text):
            return len(text) <= _SHORT_VALUE and "\n" not in text
        case _:
            return True
