"""The Responses API: the request's conversation, and the answer, item by item in both."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from antigravity_addon.wire.base import Json

from .answer import Answer, Choice, Failure, GrowingChoice, figures_in, openai_failure
from .conversation import Conversation, Message, settings_of
from .foreign import Foreign, Messages, Several, Words, each_in, read_messages, read_object, words_in
from .openai_content import annotation_parts, content_parts, extra_parts, tools_in
from .parts import Call, Other, Part, Reasoning, Reference, Refusal, Result, Text, opaque

# --- the request ------------------------------------------------------------------------------------------


class _Request(Foreign):
    model: Words = ""
    instructions: Json = None
    input: Json = None
    tools: Json = None
    previous_response_id: Words = ""
    conversation: Json = None


def read_conversation(body: bytes) -> Conversation:
    reading = read_object(body)
    request = _Request.of(reading.value)
    instructions = tuple(content_parts(request.instructions))
    items = [to_message(item) for item in each_in(request.input)]
    return Conversation(
        model=request.model,
        messages=(*([Message("instructions", instructions)] if instructions else ()), *items),
        tools=tuple(tools_in(request.tools)),
        settings=settings_of(request.rest),
        goes_on_from=request.previous_response_id or _id_of(request.conversation),
        problem=reading.problem,
        raw=reading.raw,
    )


def _id_of(conversation: Json) -> str:
    match conversation:
        case {"id": str(id_)}:
            return id_
        case _:
            return words_in(conversation)


# --- items ------------------------------------------------------------------------------------------------


class _Item(Foreign):
    type: Words = ""
    id: Words = ""
    status: Words = ""
    role: Words = ""
    content: Json = None
    call_id: Words = ""
    name: Words = ""
    namespace: Words = ""
    arguments: Json = None
    input: Json = None
    action: Json = None
    operation: Json = None
    output: Json = None
    summary: Json = None
    encrypted_content: Words = ""
    result: Words = ""


_CONTENT = (
    "input_text",
    "input_image",
    "input_audio",
    "input_file",
    "text",
    "image_url",
    "file",
    "output_text",
)
"""A part of content that stands where an item should be is something that the user says."""


def to_message(value: Json) -> Message:
    """An item of a request or of an answer; a bare text is the user's."""
    if not isinstance(value, dict):
        return Message("user", tuple(content_parts(value)))
    item = _Item.of(value)
    if call := _call(item):
        return Message("assistant", (call, *extra_parts(item.rest)))
    if item.type.endswith("_output") and item.output is not None:
        result = Result(tuple(_output_parts(item.output)), item.call_id or item.id)
        return Message("tool", (result, *extra_parts(item.rest)))
    match item.type:
        case "message" | "" if item.role:
            return Message(item.role, (*content_parts(item.content), *extra_parts(item.rest)))
        case "reasoning":
            return Message("assistant", (*_thoughts(item), *extra_parts(item.rest)))
        case "compaction" | "compaction_summary" if item.encrypted_content:
            sealed = opaque("summary of what stood ahead, encrypted", item.encrypted_content)
            return Message("summary", (sealed, *extra_parts(item.rest)))
        case "image_generation_call" if item.result:
            return Message("assistant", (opaque("image", item.result), *extra_parts(item.rest)))
        case "item_reference" | "" if item.id:
            return Message("reference", (Reference("item", item.id), *extra_parts(item.rest)))
        case kind if kind in _CONTENT:
            return Message("user", tuple(content_parts(value)))
        case kind:
            return Message("item", (Other(kind or "item", value),))


def _call(item: _Item) -> Call | None:
    name = f"{item.namespace}.{item.name}" if item.namespace else item.name
    match item.type:
        case "function_call":
            return Call(name, item.arguments, item.call_id)
        case "custom_tool_call":
            return Call(name, item.input, item.call_id, "custom")
        case "local_shell_call" | "shell_call":
            return Call(item.type.removesuffix("_call"), item.action, item.call_id, "built-in")
        case "apply_patch_call":
            return Call("apply_patch", item.operation, item.call_id, "built-in")
        case "web_search_call":
            return Call("web_search", item.action, item.id, "built-in")
        case _:
            return None


def _output_parts(output: Json) -> Iterator[Part]:
    """A text, parts of content, or what each command of a shell wrote."""
    for part in each_in(output):
        if isinstance(part, dict) and "type" not in part:
            yield Other("output", part)
        else:
            yield from content_parts(part)


def _thoughts(item: _Item) -> Iterator[Part]:
    for part in (*each_in(item.summary), *each_in(item.content)):
        match part:
            case str(text) | {"text": str(text)}:
                yield Reasoning(text)
            case _:
                yield Other("reasoning", part)
    if item.encrypted_content:
        yield opaque("encrypted reasoning", item.encrypted_content)


# --- the answer -------------------------------------------------------------------------------------------


class _Response(Foreign):
    id: Words = ""
    object: Words = ""
    model: Words = ""
    status: Words = ""
    output: Several = ()
    usage: Json = None
    error: Json = None
    incomplete_details: Json = None


class _Event(Foreign):
    type: Words = ""
    sequence_number: Json = None
    response: Json = None
    item: Json = None
    part: Json = None
    item_id: Words = ""
    output_index: Json = None
    delta: Json = None
    annotation: Json = None
    error: Json = None
    message: Words = ""


_CALLS = frozenset({"response.function_call_arguments.delta", "response.custom_tool_call_input.delta"})
_SAYINGS: dict[str, type[Text | Reasoning | Refusal]] = {
    "response.output_text.delta": Text,
    "response.refusal.delta": Refusal,
    "response.reasoning_summary_text.delta": Reasoning,
    "response.reasoning_text.delta": Reasoning,
}


@dataclass(slots=True)
class _GrowingItem:
    """An item of which pieces have come, until it comes whole."""

    begun: Json = None
    whole: Json = None
    pieces: GrowingChoice = field(default_factory=GrowingChoice)

    def to_parts(self) -> tuple[Part, ...]:
        if self.whole is not None:
            return to_message(self.whole).parts
        return self.pieces.to_choice(0).parts or (
            to_message(self.begun).parts if self.begun is not None else ()
        )

    def call(self, arguments: Json) -> None:
        """The item that was begun has the name; the pieces have the arguments."""
        begun = _call(_Item.of(self.begun)) or Call("", None)
        self.pieces.call("", Call(begun.name, arguments, begun.id, begun.kind))


class _GrowingResponse:
    """The events of a stream, or one whole response -> the answer.

    It needs state because an item comes in pieces between its being announced and its being whole. Fields of a response
    that repeat its request are left out.
    """

    def __init__(self) -> None:
        self._items: dict[str, _GrowingItem] = {}
        self._response = _Response()
        self._failures: list[Failure] = []
        self._rest: list[Other] = []
        self._ended = False

    def feed(self, value: Json) -> None:
        if not isinstance(value, dict):
            self._rest.append(Other("answer", value))
            return
        event = _Event.of(value)
        match event.type:
            case "" if not value.keys() & {"output", "status", "error"}:
                self._rest.append(Other("answer", value))
            case "":
                self._read_response(value)
            case "error":
                self._fail(event.error or event.rest | {"message": event.message})
            case _ if event.response is not None:
                self._read_response(event.response)
            case _:
                self._read_piece(event)

    def _read_response(self, value: Json) -> None:
        response = _Response.of(value)
        self._response = response
        if response.error is not None:
            self._fail(response.error)
        self._ended = self._ended or response.status not in {"", "in_progress", "queued"}

    def _fail(self, error: Json) -> None:
        failure = openai_failure(error)
        # a stream says it twice: in an event of its own, and in the response that failed
        if failure.message not in {known.message for known in self._failures}:
            self._failures.append(failure)

    def _read_piece(self, event: _Event) -> None:
        place = event.output_index if isinstance(event.output_index, int) else event.item_id
        item = self._items.setdefault(str(place), _GrowingItem())
        match event.type:
            case "response.output_item.added":
                item.begun = event.item
            case "response.output_item.done":
                item.whole = event.item
            case "response.output_text.annotation.added":
                item.pieces.add(annotation_parts(event.annotation))
            case kind if kind in _SAYINGS:
                item.pieces.say(_SAYINGS[kind], words_in(event.delta))
            case kind if kind in _CALLS:
                item.call(event.delta)
            case _:
                pass  # says again what other events say

    def to_answer(self, messages: Messages) -> Answer:
        response = self._response
        growing = GrowingChoice()
        for item in self._items.values():
            growing.add(item.to_parts())
        if not self._items:
            growing.add(part for item in response.output for part in to_message(item).parts)
        if self._ended:
            growing.finish = " · ".join(filter(None, (response.status, _reason(response.incomplete_details))))
        choice = growing.to_choice(0)
        cut_off = messages.streamed and not self._ended and not self._failures
        return Answer(
            model=response.model,
            id=response.id,
            choices=(choice,) if choice != Choice() else (),
            usage=tuple(figures_in(response.usage)),
            failures=tuple(self._failures),
            streamed=messages.streamed,
            cut_off="The stream was cut off: it does not say how the response ended." if cut_off else "",
            rest=tuple(self._rest),
            problem=messages.problem,
            raw=messages.raw,
        )


def _reason(details: Json) -> str:
    match details:
        case {"reason": reason}:
            return words_in(reason)
        case _:
            return words_in(details)


def read_answer(body: bytes) -> Answer:
    messages = read_messages(body)
    growing = _GrowingResponse()
    for value in messages.values:
        growing.feed(value)
    return growing.to_answer(messages)
