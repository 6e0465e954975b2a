"""The Responses API: the events of a stream.

Each is framed with its type, twice, and its number in the stream; a model here is what it says beside that.
Source: OpenAI's OpenAPI description and `openai` 3.54, November 2026.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypedDict

from antigravity_addon.wire.base import Outbound, write_json
from antigravity_addon.wire.openai_error import ErrorObject
from antigravity_addon.wire.openai_logprobs import TokenLogprob
from antigravity_addon.wire.sse import encode_event

from .output_items import ContentPart, OutputItem, SummaryText, Text, UrlCitation


class Event(Protocol):
    def to_frame(self, number: int) -> bytes:
        """`number`: its `sequence_number`, counted from 0 without gaps."""
        ...


type Write = Callable[[Event], None]


class ItemPlace(TypedDict):
    """The arguments by which an event is told what it is about: an item of the output,"""

    item_id: str
    output_index: int


class PartPlace(ItemPlace):
    """a part of a message's content,"""

    content_index: int


class SummaryPlace(ItemPlace):
    """or a part of the summary of reasoning."""

    summary_index: int


class _Payload(Outbound):
    event_type: ClassVar[str]

    def to_frame(self, number: int) -> bytes:
        return _frame(self.event_type, number, self.to_json())


class OutputItemAdded(_Payload):
    event_type = "response.output_item.added"
    output_index: int
    item: OutputItem


class OutputItemDone(_Payload):
    event_type = "response.output_item.done"
    output_index: int
    item: OutputItem


class _OfItem(_Payload):
    item_id: str
    output_index: int


class FunctionCallArgumentsDelta(_OfItem):
    event_type = "response.function_call_arguments.delta"
    delta: Text


class FunctionCallArgumentsDone(_OfItem):
    event_type = "response.function_call_arguments.done"
    name: str
    arguments: Text


class CustomToolCallInputDelta(_OfItem):
    event_type = "response.custom_tool_call_input.delta"
    delta: Text


class CustomToolCallInputDone(_OfItem):
    event_type = "response.custom_tool_call_input.done"
    input: Text


class WebSearchCallInProgress(_OfItem):
    event_type = "response.web_search_call.in_progress"


class WebSearchCallSearching(_OfItem):
    event_type = "response.web_search_call.searching"


class WebSearchCallCompleted(_OfItem):
    event_type = "response.web_search_call.completed"


class _OfSummary(_OfItem):
    summary_index: int


class ReasoningSummaryPartAdded(_OfSummary):
    event_type = "response.reasoning_summary_part.added"
    part: SummaryText


class ReasoningSummaryTextDelta(_OfSummary):
    event_type = "response.reasoning_summary_text.delta"
    delta: str


class ReasoningSummaryTextDone(_OfSummary):
    event_type = "response.reasoning_summary_text.done"
    text: Text


class ReasoningSummaryPartDone(_OfSummary):
    event_type = "response.reasoning_summary_part.done"
    part: SummaryText


class _OfContent(_OfItem):
    content_index: int


class ContentPartAdded(_OfContent):
    event_type = "response.content_part.added"
    part: ContentPart


class ContentPartDone(_OfContent):
    event_type = "response.content_part.done"
    part: ContentPart


class OutputTextDelta(_OfContent):
    event_type = "response.output_text.delta"
    delta: str
    logprobs: tuple[TokenLogprob, ...] = ()


class OutputTextDone(_OfContent):
    event_type = "response.output_text.done"
    text: Text
    logprobs: tuple[TokenLogprob, ...]


class AnnotationAdded(_OfContent):
    event_type = "response.output_text.annotation.added"
    annotation_index: int
    annotation: UrlCitation


class RefusalDelta(_OfContent):
    event_type = "response.refusal.delta"
    delta: str


class RefusalDone(_OfContent):
    event_type = "response.refusal.done"
    refusal: str


class Failure(_Payload):
    """An error in both of its shapes: clients read either the fields themselves, or the object."""

    event_type = "error"
    code: str | None
    message: str
    param: str | None
    error: ErrorObject


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """A response begins or ends."""

    event_type: Literal[
        "response.created",
        "response.in_progress",
        "response.completed",
        "response.incomplete",
        "response.failed",
    ]
    response: bytes
    """JSON."""

    def to_frame(self, number: int) -> bytes:
        return _frame(self.event_type, number, b'{"response":', self.response, b"}")


class Deltas:
    """Deltas of one text differ in number and text alone, and there is one per token: the rest is written once."""

    def __init__(self, blank: OutputTextDelta | ReasoningSummaryTextDelta) -> None:
        """`blank`: one of them, without any text."""
        before, _, rest = blank.to_frame(0).partition(b'"sequence_number":0')
        between, _, self.after = rest.partition(b'"delta":""')
        self.before = before + b'"sequence_number":'
        self.between = between + b'"delta":'

    def of(self, text: str) -> "Delta":
        return Delta(self, text)


@dataclass(slots=True)
class Delta:
    deltas: Deltas
    text: str

    def to_frame(self, number: int) -> bytes:
        frame = self.deltas
        return b"%b%d%b%b%b" % (frame.before, number, frame.between, write_json(self.text), frame.after)


def _frame(event_type: str, number: int, first: bytes, *rest: bytes) -> bytes:
    """`first` and `rest`: the JSON of an object with one field at least, in pieces."""
    name = event_type.encode()
    head = b'{"type":"%b","sequence_number":%d,' % (name, number)
    return encode_event(head, memoryview(first)[1:], *rest, event=name)
