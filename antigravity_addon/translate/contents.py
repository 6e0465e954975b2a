"""A conversation -> Gemini's contents.

The rules of Gemini that shape it: turns alternate and begin with the user; the results of all calls of a
turn follow it at once, one for each call and in their order, ahead of anything else; no turn is empty.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from antigravity_addon.wire import gemini
from antigravity_addon.wire.base import JsonObject

from . import thought_signatures
from .conversation import Call, Called, Conversation, Result, Role, Said, Step, paired
from .gemini_models import ModelTraits
from .tool_names import ToolNames
from .tool_payloads import to_response

_BLANK = gemini.Part(text=" ")
"""Stands for nothing where Gemini wants something."""
CONTINUE = gemini.Part(text="Continue.")
"""What the user says where Gemini wants the last word to be theirs."""
_NO_RESULT: JsonObject = {"error": "No result was given for this call."}


@dataclass(frozen=True, slots=True)
class Arranged:
    """A conversation as Gemini takes it."""

    instructions: tuple[gemini.Part, ...]
    contents: tuple[gemini.Content, ...]


def arranged(conversation: Conversation, traits: ModelTraits, names: ToolNames) -> Arranged:
    """Where there is nothing but instructions, they are what the user says.

    Raises: InvalidRequest: a result of no call.
    """
    contents = _contents(conversation.steps, traits, names)
    if contents:
        return Arranged(conversation.instructions, contents)
    said = conversation.instructions or (_BLANK,)
    return Arranged((), (gemini.Content(role="user", parts=said),))


def _contents(steps: tuple[Step, ...], traits: ModelTraits, names: ToolNames) -> tuple[gemini.Content, ...]:
    results = paired(steps)
    turns = _Turns()
    for index, step in enumerate(steps):
        match step:
            case Said(role="user"):
                turns.user(step.parts)
            case Said():
                turns.model(step.parts)
            case Called(calls):
                for number, call in enumerate(calls):
                    turns.call(call, _Outcome.of(results.get((index, number)), traits), names)
            case Result():
                turns.close_calls()
            case _:
                assert_never(step)
    contents = _framed(turns.contents(), traits)
    return thought_signatures.with_placeholders(contents) if traits.needs_thought_signatures else contents


def _framed(contents: tuple[gemini.Content, ...], traits: ModelTraits) -> tuple[gemini.Content, ...]:
    """The turns as Gemini wants them to begin and to end."""
    if contents and contents[0].role == "model":
        contents = (gemini.Content(role="user", parts=(_BLANK,)), *contents)
    if contents and contents[-1].role == "model" and not traits.takes_prefill:
        contents = (*contents, gemini.Content(role="user", parts=(CONTINUE,)))
    return contents


@dataclass(slots=True)
class _Turns:
    """Joins steps into turns. It has state because the results of calls wait for the end of their turn."""

    turns: list[tuple[Role, list[gemini.Part]]] = field(default_factory=list[tuple[Role, list[gemini.Part]]])
    results: list[gemini.Part] = field(default_factory=list[gemini.Part])
    attachments: list[gemini.Part] = field(default_factory=list[gemini.Part])
    """What belongs to the results and has to stand behind all of them."""

    def user(self, parts: Iterable[gemini.Part]) -> None:
        self.close_calls()
        self._add("user", parts)

    def model(self, parts: Iterable[gemini.Part]) -> None:
        self._add("model", parts)

    def call(self, call: Call, outcome: "_Outcome", names: ToolNames) -> None:
        name = names.to_gemini(call.name)
        called = gemini.FunctionCall(name=name, args=call.arguments, id=call.upstream_id)
        response = gemini.FunctionResponse(
            name=name, response=outcome.response, id=call.upstream_id, parts=outcome.nested or None
        )
        self.model((gemini.Part(function_call=called, thought_signature=call.signature),))
        self.results.append(gemini.Part(function_response=response))
        self.attachments.extend(outcome.attachments)

    def close_calls(self) -> None:
        """The model's turn is over: the results of its calls are due."""
        self._add("user", (*self.results, *self.attachments))
        self.results.clear()
        self.attachments.clear()

    def contents(self) -> tuple[gemini.Content, ...]:
        self.close_calls()
        return tuple(gemini.Content(role=role, parts=tuple(parts)) for role, parts in self.turns)

    def _add(self, role: Role, parts: Iterable[gemini.Part]) -> None:
        added = list(parts)
        if added and self.turns and self.turns[-1][0] == role:
            self.turns[-1][1].extend(added)
        elif added:
            self.turns.append((role, added))


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A result, by where its pieces may stand."""

    response: JsonObject
    nested: tuple[gemini.FunctionResponsePart, ...] = ()
    attachments: tuple[gemini.Part, ...] = ()

    @classmethod
    def of(cls, result: Result | None, traits: ModelTraits) -> "_Outcome":
        if result is None:
            return cls(_NO_RESULT)
        nested: list[gemini.FunctionResponsePart] = []
        attachments: list[gemini.Part] = []
        for part in result.parts:
            if part.inline_data and _may_nest(part.inline_data, traits):
                nested.append(gemini.FunctionResponsePart(inline_data=part.inline_data))
            elif part.text is None:
                attachments.append(part)
        text = "\n".join(part.text for part in result.parts if part.text)
        return cls(to_response(text), tuple(nested), tuple(attachments))


def _may_nest(blob: gemini.Blob, traits: ModelTraits) -> bool:
    is_shown = blob.mime_type.startswith("image/") or blob.mime_type == "application/pdf"
    return traits.takes_media_in_function_response and is_shown
