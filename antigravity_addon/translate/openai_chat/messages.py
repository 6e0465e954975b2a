"""The messages of Chat Completions -> a conversation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.translate import media, thought_signatures
from antigravity_addon.translate.conversation import (
    Call,
    Called,
    Conversation,
    Reference,
    Result,
    Said,
    Step,
)
from antigravity_addon.translate.gemini_models import ModelTraits
from antigravity_addon.translate.openai_content import instructions_of, parts_of
from antigravity_addon.translate.tool_payloads import to_arguments, to_custom_arguments
from antigravity_addon.wire import gemini
from antigravity_addon.wire.base import JsonObject
from antigravity_addon.wire.inbound import shown
from antigravity_addon.wire.openai_chat.request import (
    AssistantMessage,
    CustomToolCall,
    ExtraContent,
    FunctionMessage,
    FunctionToolCall,
    GoogleExtra,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UnknownMessage,
    UserMessage,
)


def to_conversation(
    messages: tuple[Message, ...], traits: ModelTraits, signatures: Mapping[str, str]
) -> Conversation:
    """`signatures` knows, by call id, those that the client did not bring back.

    Raises: InvalidRequest: and UnsupportedInput, for the first message that cannot be used.
    """
    reader = _Reader(traits, signatures)
    instructions: list[gemini.Part] = []
    steps: list[Step] = []
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        match message:
            case SystemMessage():
                instructions.extend(instructions_of(message.content, path=f"{path}.content"))
            case UserMessage():
                steps.append(Said("user", tuple(parts_of(message.content, traits, path=f"{path}.content"))))
            case AssistantMessage():
                steps.extend(reader.model_steps(message, path))
            case ToolMessage() | FunctionMessage():
                steps.append(reader.result(message, path))
            case UnknownMessage():
                raise InvalidRequest(
                    f"Invalid value for '{path}.role': {shown(message.role)} is no role; use "
                    "'system', 'developer', 'user', 'assistant' or 'tool'.",
                    param=f"{path}.role",
                )
            case _:
                assert_never(message)
    return Conversation(tuple(instructions), tuple(steps))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the messages that have to do with calls."""

    traits: ModelTraits
    signatures: Mapping[str, str]

    def model_steps(self, message: AssistantMessage, path: str) -> Iterator[Step]:
        """What the model said, then what it called.

        Its thoughts do not go back: Gemini has them in signatures.
        """
        said, calls = self._said(message, path), self._calls(message)
        signature = thought_signatures.usable(_google_extra(message.extra_content).thought_signature)
        # the signature of a message is that of its first call, unless the call brings its own
        if signature and calls and calls[0].signature is None:
            calls = (replace(calls[0], signature=signature), *calls[1:])
        elif signature and said:
            said = (*said[:-1], said[-1].model_copy(update={"thought_signature": signature}))
        yield Said("model", said)
        if calls:
            yield Called(calls)

    def result(self, message: ToolMessage | FunctionMessage, path: str) -> Result:
        parts = tuple(parts_of(message.content, self.traits, path=f"{path}.content"))
        match message:
            case ToolMessage(tool_call_id=call_id):
                return Result(
                    Reference("id", call_id),
                    parts,
                    param=f"{path}.tool_call_id",
                    unpaired=f"Invalid parameter: '{path}' with role 'tool' must be a response to a preceding "
                    f"message with 'tool_calls'; {shown(call_id)} is no call that still waits for one.",
                )
            case FunctionMessage(name=name):
                return Result(
                    Reference("name", name),
                    parts,
                    param=f"{path}.name",
                    unpaired=f"Invalid parameter: '{path}' with role 'function' must be a response to a "
                    f"preceding call; {shown(name)} is no function that still waits for one.",
                )
            case _:
                assert_never(message)

    def _said(self, message: AssistantMessage, path: str) -> tuple[gemini.Part, ...]:
        if isinstance(message.content, str):
            said = tuple(media.parts_of_answer(message.content))
        else:
            said = tuple(parts_of(message.content, self.traits, path=f"{path}.content"))
        return (*said, gemini.Part(text=message.refusal)) if message.refusal else said

    def _calls(self, message: AssistantMessage) -> tuple[Call, ...]:
        calls = tuple(map(self._call, message.tool_calls or ()))
        legacy = message.function_call
        return (*calls, Call(legacy.name, to_arguments(legacy.arguments))) if legacy else calls

    def _call(self, call: ToolCall) -> Call:
        name, arguments = _called(call)
        extra = _google_extra(call.extra_content)
        return Call(
            name,
            arguments,
            id=call.id,
            upstream_id=extra.id or None,
            signature=thought_signatures.usable(extra.thought_signature)
            or self.signatures.get(call.id or ""),
        )


def _called(call: ToolCall) -> tuple[str, JsonObject]:
    match call:
        case FunctionToolCall():
            return call.function.name, to_arguments(call.function.arguments)
        case CustomToolCall():
            return call.custom.name, to_custom_arguments(call.custom.input)
        case _:
            assert_never(call)


def _google_extra(extra: ExtraContent | None) -> GoogleExtra:
    return (extra.google if extra else None) or GoogleExtra()
