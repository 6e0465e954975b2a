"""The items of the Responses API -> a conversation."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from copy import replace
from typing import assert_never

from antigravity_addon.translate import media, thought_signatures
from antigravity_addon.translate.conversation import (
    Call,
    Called,
    Conversation,
    Reference,
    Result,
    Role,
    Said,
    Signature,
    Step,
)
from antigravity_addon.translate.gemini_models import ModelTraits
from antigravity_addon.translate.openai_content import (
    WebReference,
    instructions_of,
    part_of,
    parts_of,
    web_reference,
    web_references,
)
from antigravity_addon.translate.tool_payloads import to_arguments, to_custom_arguments
from antigravity_addon.wire import gemini
from antigravity_addon.wire.base import JsonObject
from antigravity_addon.wire.inbound import shown
from antigravity_addon.wire.openai_content import (
    AudioPart,
    FilePart,
    FlatFilePart,
    ImagePart,
    MessageContent,
    RefusalPart,
    TextPart,
    UnknownPart,
)
from antigravity_addon.wire.openai_responses.items import (
    AdditionalTools,
    ApplyPatchCall,
    ApplyPatchCallOutput,
    Compaction,
    CompactionTrigger,
    ConfigurationUpdate,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    ImageGenerationCall,
    InputItem,
    ItemReference,
    LocalShellCall,
    LocalShellCallOutput,
    Message,
    ReasoningItem,
    ShellCall,
    ShellCallOutput,
    UnknownItem,
)

from . import client_tools, opaque
from .placed import Placed, summary_of
from .tools import full_name

type _CallItem = FunctionCall | CustomToolCall | LocalShellCall | ShellCall | ApplyPatchCall
type _OutputItem = (
    FunctionCallOutput | CustomToolCallOutput | LocalShellCallOutput | ShellCallOutput | ApplyPatchCallOutput
)

_COMPACTED = "A summary of our conversation so far, from which we go on:\n\n"
_COMPACT = (
    "Sum up our conversation so far. Only your summary will be there for whoever goes on with the work, so put "
    "in all that is needed for it: what I want and what I ruled out; what was decided and why; what has been done, and "
    "with which result; names, paths, figures and pieces of code that will be needed, as they are; what is open and "
    "what comes next. Write the summary and nothing else, and call no tools."
)


def to_conversation(
    instructions: str | None,
    items: Iterable[Placed],
    traits: ModelTraits,
    *,
    model: str,
    signatures: Mapping[str, Signature],
    fetched: media.Fetched,
    is_compaction: bool,
) -> Conversation:
    """`model` is the Gemini model; `signatures` knows those that the client did not bring back, by the ids that
    `unsigned` gives.

    Raises: InvalidRequest: and UnsupportedInput, for the first item that cannot be used.
    """
    reader = _Reader(traits, model, signatures, fetched)
    if instructions:
        reader.instructions.append(gemini.Part(text=instructions))
    for placed in items:
        reader.read(placed)
    if is_compaction:
        reader.say("user", (gemini.Part(text=_COMPACT),))
    return reader.conversation()


def references(items: Iterable[Placed]) -> tuple[WebReference, ...]:
    """What is to be fetched before the items can be translated."""
    return tuple(reference for placed in items for reference in _references(placed))


def unsigned(items: Iterable[Placed]) -> frozenset[str]:
    """The ids under which signatures of calls and of messages may be known that the client did not bring back."""
    return frozenset(key for placed in items if (key := _signature_key(placed.item)))


def _references(placed: Placed) -> Iterator[WebReference]:
    match placed.item:
        case Message(role="user" | "assistant", content=content):
            return web_references(content, path=f"{placed.path}.content")
        case (
            FunctionCallOutput(output=output)
            | CustomToolCallOutput(output=output)
            | LocalShellCallOutput(output=output)
        ):
            return web_references(output, path=f"{placed.path}.output")
        case ImagePart() | FilePart() | FlatFilePart() as part:
            reference = web_reference(part, path=placed.path)
            return iter(() if reference is None else (reference,))
        case _:
            return iter(())


def _signature_key(item: InputItem) -> str | None:
    match item:
        case Message(role="assistant"):
            return item.id
        case FunctionCall() | CustomToolCall() | LocalShellCall() | ShellCall() | ApplyPatchCall():
            return item.call_id
        case _:
            return None


class _Reader:
    """Reads items one by one.

    It has state because items belong together: calls in a row are one step, and the signature of a call or a text
    stands in a reasoning item ahead of it.
    """

    def __init__(
        self, traits: ModelTraits, model: str, signatures: Mapping[str, Signature], fetched: media.Fetched
    ) -> None:
        self.instructions: list[gemini.Part] = []
        self._traits = traits
        self._model = model
        self._signatures = signatures
        self._fetched = fetched
        self._steps: list[Step] = []
        self._calls: list[Call] = []
        """The last step, as long as more calls may come to it."""
        self._call_ids: dict[str, str] = {}
        """By the ids of items, for outputs that name their call by that of its item."""
        self._for_calls = deque[Signature]()
        self._for_texts = deque[Signature]()
        """Signatures read, each to be given to what comes next in the same turn."""

    def conversation(self) -> Conversation:
        self._close_calls()
        return Conversation(tuple(self.instructions), tuple(self._steps))

    def say(self, role: Role, parts: tuple[gemini.Part, ...]) -> None:
        self._close_calls()
        if role == "user":
            self._end_turn()
        self._steps.append(Said(role, parts))

    def read(self, placed: Placed) -> None:
        item, path = placed.item, placed.path
        match item:
            case Message():
                self._message(item, f"{path}.content")
            case str() | TextPart() | RefusalPart() | ImagePart() | AudioPart() | FilePart() | FlatFilePart():
                self.say("user", tuple(part_of(item, self._traits, path=path, fetched=self._fetched)))
            case FunctionCall() | CustomToolCall() | LocalShellCall() | ShellCall() | ApplyPatchCall():
                self._call(item)
            case (
                FunctionCallOutput()
                | CustomToolCallOutput()
                | LocalShellCallOutput()
                | ShellCallOutput()
                | ApplyPatchCallOutput()
            ):
                self._result(item, path)
            case ReasoningItem():
                self._reasoning(item)
            case ImageGenerationCall():
                self._image(item, path)
            case Compaction():
                self._compaction(item)
            case (
                AdditionalTools()
                | ConfigurationUpdate()
                | CompactionTrigger()
                | ItemReference()
                | UnknownItem()
                | UnknownPart()
            ):
                pass
            case _:
                assert_never(item)

    # --- what is said -----------------------------------------------------------------------------------

    def _message(self, message: Message, path: str) -> None:
        match message.role:
            case "system" | "developer":
                self.instructions.extend(instructions_of(message.content, path=path))
            case "user":
                self.say("user", self._parts(message.content, path))
            case "assistant":
                kept = self._signatures.get(message.id or "")
                signature = self._for_texts.popleft() if self._for_texts else kept
                self.say("model", _signed(self._parts(message.content, path), signature))
            case _:
                assert_never(message.role)

    def _parts(self, content: MessageContent | None, path: str) -> tuple[gemini.Part, ...]:
        return tuple(parts_of(content, self._traits, path=path, fetched=self._fetched))

    def _image(self, item: ImageGenerationCall, path: str) -> None:
        if item.result:
            self.say("model", (media.file_part(item.result, filename=None, param=f"{path}.result"),))

    def _compaction(self, item: Compaction) -> None:
        summary = summary_of(item)
        if summary is not None:
            self.say("user", (gemini.Part(text=_COMPACTED + summary),))

    def _reasoning(self, item: ReasoningItem) -> None:
        """Its text does not go back: what Gemini thought is in the signature."""
        carried = opaque.decode(item.encrypted_content or "")
        if carried is None or thought_signatures.usable(carried.content) is None:
            return
        if carried.model not in {None, self._model}:
            return
        signature = Signature(carried.content, carried.upstream_id)
        match carried.of:
            case "call":
                self._for_calls.append(signature)
            case "text":
                self._for_texts.append(signature)
            case "summary":
                pass
            case _:
                assert_never(carried.of)

    # --- what is called ---------------------------------------------------------------------------------

    def _call(self, item: _CallItem) -> None:
        call_id = item.call_id
        if isinstance(item, LocalShellCall) and item.id:
            call_id = self._call_ids[item.id] = item.call_id or item.id
        kept = self._signatures.get(call_id or "")
        signature = self._for_calls.popleft() if self._for_calls else kept
        name, arguments = _called(item)
        call = Call(
            name,
            arguments,
            id=call_id,
            upstream_id=signature.upstream_id if signature else None,
            signature=signature.value if signature else None,
        )
        self._calls.append(call)

    def _result(self, item: _OutputItem, path: str) -> None:
        self._close_calls()
        self._end_turn()
        call_id = item.call_id
        if isinstance(item, LocalShellCallOutput) and call_id is None:
            call_id = self._call_ids.get(item.id or "", item.id)
        result = Result(
            Reference("id", call_id or ""),
            self._outcome(item, f"{path}.output"),
            param=f"{path}.call_id",
            unpaired=f"No tool call found for {item.type.replace('_', ' ')} with call_id {shown(call_id)}.",
        )
        self._steps.append(result)

    def _outcome(self, item: _OutputItem, path: str) -> tuple[gemini.Part, ...]:
        match item:
            case FunctionCallOutput() | CustomToolCallOutput() | LocalShellCallOutput():
                return self._parts(item.output, path)
            case ShellCallOutput():
                return (gemini.Part(text=client_tools.of_shell_output(item)),)
            case ApplyPatchCallOutput():
                return (gemini.Part(text=client_tools.of_patch_output(item)),)
            case _:
                assert_never(item)

    def _close_calls(self) -> None:
        if self._calls:
            self._steps.append(Called(tuple(self._calls)))
            self._calls.clear()

    def _end_turn(self) -> None:
        """What signatures belonged to did not come back."""
        self._for_calls.clear()
        self._for_texts.clear()


def _called(item: _CallItem) -> tuple[str, JsonObject]:
    """Its name, as we call it, and its arguments."""
    match item:
        case FunctionCall():
            return full_name(item.name, item.namespace), to_arguments(item.arguments)
        case CustomToolCall():
            return full_name(item.name, item.namespace), to_custom_arguments(item.input)
        case LocalShellCall():
            return client_tools.LOCAL_SHELL.name, client_tools.of_local_shell_action(item.action)
        case ShellCall():
            return client_tools.SHELL.name, client_tools.of_shell_action(item.action)
        case ApplyPatchCall():
            return client_tools.APPLY_PATCH.name, client_tools.of_patch_operation(item.operation)
        case _:
            assert_never(item)


def _signed(parts: tuple[gemini.Part, ...], signature: Signature | None) -> tuple[gemini.Part, ...]:
    """Gemini signs the last text of an answer."""
    last = max((index for index, part in enumerate(parts) if part.text is not None), default=None)
    if signature is None or last is None:
        return parts
    signed = replace(parts[last], thought_signature=signature.value)
    return (*parts[:last], signed, *parts[last + 1 :])
