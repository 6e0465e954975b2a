"""The messages of Chat Completions -> a conversation."""

from collections.abc import Iterator, Mapping
from copy import replace
from dataclasses import dataclass
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
    Signature,
    Step,
)
from antigravity_addon.translate.gemini_models import ModelTraits
from antigravity_addon.translate.openai_content import (
    WebReference,
    instructions_of,
    parts_of,
    web_references,
)
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
    messages: tuple[Message, ...],
    traits: ModelTraits,
    *,
    signatures: Mapping[str, Signature],
    fetched: media.Fetched,
) -> Conversation:
    """`signatures` knows, by call id, those that the client did not bring back; `fetched` what web URLs led to.

    Raises: InvalidRequest: and UnsupportedInput, for the first message that cannot be used.
    """
    reader = _Reader(traits, signatures, fetched)
    instructions: list[gemini.Part] = []
    steps: list[Step] = []
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        match message:
            case SystemMessage():
                instructions.extend(instructions_of(message.content, path=f"{path}.content"))
            case UserMessage():
                steps.append(Said("user", reader.parts(message, path)))
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


def references(messages: tuple[Message, ...]) -> tuple[WebReference, ...]:
    """What is to be fetched before the messages can be translated."""
    return tuple(
        reference
        for index, message in enumerate(messages)
        if isinstance(message, UserMessage | AssistantMessage | ToolMessage | FunctionMessage)
        for reference in web_references(message.content, path=f"messages[{index}].content")
    )


def unsigned_calls(messages: tuple[Message, ...]) -> frozenset[str]:
    """Ids of the calls that the client brought back without a signature."""
    return frozenset(
        call.id
        for message in messages
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls or ()
        if call.id and not _google_extra(call.extra_content).thought_signature
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads what is said and called."""

    traits: ModelTraits
    signatures: Mapping[str, Signature]
    fetched: media.Fetched

    def parts(
        self, message: UserMessage | AssistantMessage | ToolMessage | FunctionMessage, path: str
    ) -> tuple[gemini.Part, ...]:
        return tuple(parts_of(message.content, self.traits, path=f"{path}.content", fetched=self.fetched))

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
            said = (*said[:-1], replace(said[-1], thought_signature=signature))
        yield Said("model", said)
        if calls:
            yield Called(calls)

    def result(self, message: ToolMessage | FunctionMessage, path: str) -> Result:
        parts = self.parts(message, path)
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
            said = self.parts(message, path)
        return (*said, gemini.Part(text=message.refusal)) if message.refusal else said

    def _calls(self, message: AssistantMessage) -> tuple[Call, ...]:
        calls = tuple(map(self._call, message.tool_calls or ()))
        legacy = message.function_call
        return (*calls, Call(legacy.name, to_arguments(legacy.arguments))) if legacy else calls

    def _call(self, call: ToolCall) -> Call:
        name, arguments = _called(call)
        extra = _google_extra(call.extra_content)
        brought = thought_signatures.usable(extra.thought_signature)
        kept = None if brought else self.signatures.get(call.id or "")
        return Call(
            name,
            arguments,
            id=call.id,
            upstream_id=kept.upstream_id if kept else extra.id or None,
            signature=kept.value if kept else brought,
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
