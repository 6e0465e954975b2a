"""The view of a request beside that of the turn before: what was added to the conversation, changed or taken away."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

from .conversation import Conversation, Message
from .conversation_text import counted, message_in_words, names_of_calls, setting_in_words, tool_in_words
from .parts import digest_of
from .readers import read_conversation
from .rewording import Run, difference_in_words, runs
from .wording import rule

_MARKS = ("-", "+")
_NOT_OF_A_TURN = frozenset({"system", "developer", "instructions"})


@dataclass(frozen=True, slots=True)
class Outline:
    """By which a conversation is found again without comparing its texts."""

    messages: tuple[str, ...]
    """A digest of each, without those of the operator: many conversations have these in common."""
    goes_on_from: str = ""

    def shared_with(self, other: "Outline") -> int:
        """How many messages the two begin with alike."""
        run = next(runs(self.messages, other.messages, most=0), None)
        return run.first.stop if run is not None and run.same else 0


def outline_of(path: str, body: bytes, content_type: str = "") -> Outline:
    """Raises: NoDialectError: nothing is said at this path."""
    conversation = read_conversation(path, body, content_type)
    said = (message for message in conversation.messages if message.role not in _NOT_OF_A_TURN)
    return Outline(tuple(map(_key, said)), conversation.goes_on_from)


def _key(item: object) -> str:
    """Not of its text, which leaves out what people do not need."""
    return digest_of(repr(item))


def changes_text(path: str, before: bytes, after: bytes, content_type: str = "") -> str:
    """Raises: NoDialectError: nothing is said at this path."""
    first = read_conversation(path, before, content_type)
    second = read_conversation(path, after, content_type)
    return "\n".join(_lines(first, second))


def _lines(before: Conversation, after: Conversation) -> Iterator[str]:
    found = _runs(before, after)
    is_kept = bool(after.goes_on_from) and not _begins_with(found, before)
    if is_kept:
        before = replace(
            before, messages=tuple(each for each in before.messages if each.role in _NOT_OF_A_TURN)
        )
        found = _runs(before, after)
    yield _summary(before, after, found)
    if is_kept:
        yield f"It goes on from {after.goes_on_from}: what was said before is kept by the gateway, and not repeated."
    for which, conversation in (("before", before), ("now", after)):
        if conversation.problem:
            yield f"! {which}: {conversation.problem}"
    yield from _fields(before, after)
    yield from _tools(before, after)
    for run in found:
        if not run.same:
            yield from _messages(before, after, run)
    if before.raw or after.raw:
        yield ""
        yield difference_in_words(before.raw, after.raw, _MARKS)


def _runs(before: Conversation, after: Conversation) -> list[Run]:
    return list(runs([_key(each) for each in before.messages], [_key(each) for each in after.messages]))


def _begins_with(found: list[Run], before: Conversation) -> bool:
    return not before.messages or (found[0].same and found[0].first.stop == len(before.messages))


def _summary(before: Conversation, after: Conversation, found: list[Run]) -> str:
    total, earlier = len(after.messages), len(before.messages)
    same = sum(run.second.stop - run.second.start for run in found if run.same)
    leading = found[0].second.stop if found and found[0].same else 0
    if not total:
        return "There are no messages."
    if same == total:
        more = f", which had {earlier}" if earlier > total else ""
        return f"All {counted(total, 'message')} are as in the turn before{more}."
    messages = counted(total, "message")
    match leading:
        case 0 if not same:
            return f"Of {messages}, none is as in the turn before."
        case 0:
            return f"Of {messages}, {same} {'is' if same == 1 else 'are'} as in the turn before; the first is not."
        case 1:
            begin = "the first is"
        case _:
            begin = f"the first {leading} are"
    others = f", and {same - leading} further on" if same > leading else ""
    return f"Of {messages}, {begin} as in the turn before{others}."


def _fields(before: Conversation, after: Conversation) -> Iterator[str]:
    if before.model != after.model:
        yield f"- model {before.model}"
        yield f"+ model {after.model}"
    yield from _named(
        {each.name: setting_in_words(each) for each in before.settings},
        {each.name: setting_in_words(each) for each in after.settings},
        "setting",
    )


def _tools(before: Conversation, after: Conversation) -> Iterator[str]:
    old = {each.name: tool_in_words(each) for each in before.tools}
    new = {each.name: tool_in_words(each) for each in after.tools}
    yield from _named(old, new, "tool")
    stayed = [name for name in old if name in new]
    if stayed != [name for name in new if name in old]:
        yield ""
        yield rule("tools · in another order")
        yield f"- {', '.join(old)}"
        yield f"+ {', '.join(new)}"


def _named(old: dict[str, str], new: dict[str, str], noun: str) -> Iterator[str]:
    """What has a name is the same thing as long as it keeps it."""
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) == new.get(name):
            continue
        how = "changed" if name in old and name in new else "added" if name in new else "taken away"
        yield ""
        yield rule(f"{noun} {name} · {how}")
        yield (
            difference_in_words(old.get(name, ""), new.get(name, ""), _MARKS)
            if how == "changed"
            else _marked(new.get(name) or old.get(name, ""), added=how == "added")
        )


def _messages(before: Conversation, after: Conversation, run: Run) -> Iterator[str]:
    """Messages of one role stand for each other, place by place; the rest came, or went."""
    old, new = before.messages[run.first], after.messages[run.second]
    names = names_of_calls(before.messages) | names_of_calls(after.messages)
    alike = takewhile(lambda pair: pair[0].role == pair[1].role, zip(old, new, strict=False))
    pairs = 0
    for one, other in alike:
        pairs += 1
        yield from _changed(one, other, run.second.start + pairs, names)
    for place, message in enumerate(old[pairs:], start=run.first.start + pairs + 1):
        yield from _whole(message, f"{place} before · {message.role} · taken away", names, added=False)
    for place, message in enumerate(new[pairs:], start=run.second.start + pairs + 1):
        yield from _whole(message, f"{place} · {message.role} · added", names, added=True)


def _changed(old: Message, new: Message, place: int, names: dict[str, str]) -> Iterator[str]:
    first, second = message_in_words(old, names), message_in_words(new, names)
    yield ""
    yield rule(f"{place} · {new.role} · changed")
    if first == second:
        yield "It reads the same, and differs in how it is written down: blanks, or the parts it is divided into."
    else:
        yield difference_in_words(first, second, _MARKS)


def _whole(message: Message, title: str, names: dict[str, str], *, added: bool) -> Iterator[str]:
    yield ""
    yield rule(title)
    yield _marked(message_in_words(message, names), added=added)


def _marked(text: str, *, added: bool) -> str:
    mark = _MARKS[added]
    return "\n".join(f"{mark} {line}".rstrip() for line in text.split("\n"))
