"""Turn events -> items of an answer, and the events that tell of them."""

from collections.abc import Callable
from typing import assert_never

from msgspec import UNSET, UnsetType

from antigravity_addon.translate.conversation import Signature
from antigravity_addon.translate.events import (
    Cited,
    Finished,
    FinishReason,
    Image,
    Logprobs,
    ReasoningDelta,
    Searched,
    TextDelta,
    ToolCall,
    TurnEvent,
)
from antigravity_addon.wire.base import written
from antigravity_addon.wire.openai_responses import output_items as item
from antigravity_addon.wire.openai_responses.events import ItemPlace

from .answer_events import Events
from .answer_form import AnswerForm
from .opaque import Carried, encode
from .open_items import OpenMessage, OpenReasoning
from .whole_items import ID_PREFIXES, events_of, to_call_item


class ResponseTurn:
    """The turn of one answer. It needs state because the API tells of items, one after the other, where Gemini
    gives pieces: an item is known to be over when a piece of another kind comes.
    """

    def __init__(self, form: AnswerForm, new_id: Callable[[str], str], events: Events) -> None:
        self._form = form
        self._new_id = new_id
        self._events = events
        self._closed: list[item.OutputItem] = []
        self._open: OpenReasoning | OpenMessage | None = None
        self._characters = 0
        """Of text, in all messages."""
        self._has_calls = False
        self._search: Searched | None = None
        """Made while a message was open, which is to be closed first."""
        self._sources: tuple[item.UrlSource, ...] | UnsetType = UNSET
        self.signatures: dict[str, Signature] = {}
        """Of calls by `call_id`, of text by the message's id."""
        self.finished: Finished | None = None

    def feed(self, event: TurnEvent) -> bytes:
        """Whole events of the stream; none for what the client does not want to hear of."""
        match event:
            case TextDelta():
                self._add_text(event)
            case ReasoningDelta():
                self._add_reasoning(event)
            case ToolCall():
                self._call(event)
            case Image(data=data):
                self._put(
                    item.ImageGenerationCall(id=self._new_id("ig"), status="completed", result=written(data))
                )
            case Logprobs():
                self._add_logprobs(event)
            case Searched():
                self._take_search(event)
            case Cited():
                self._cite(event)
            case Finished():
                self._end(event)
            case _:
                assert_never(event)
        return self._events.take()

    @property
    def output(self) -> tuple[item.OutputItem, ...]:
        """What there is so far; an item that is not over counts as incomplete."""
        return (*self._closed, *([] if self._open is None else [self._open.so_far(is_complete=False)]))

    def _add_text(self, delta: TextDelta) -> None:
        if not delta.text and not isinstance(self._open, OpenMessage):
            return  # a signature that has no text to belong to
        message = self._message()
        if delta.text:
            message.text().add(delta.text)
            self._characters += len(delta.text)
        if delta.signature is not None:
            self.signatures[message.id] = Signature(delta.signature)

    def _add_reasoning(self, delta: ReasoningDelta) -> None:
        if self._form.shows_reasoning:
            self._reasoning().add(delta.text)

    def _add_logprobs(self, logprobs: Logprobs) -> None:
        if self._form.with_logprobs and isinstance(self._open, OpenMessage):
            self._open.text().add_logprobs(logprobs.tokens)

    def _call(self, call: ToolCall) -> None:
        if self._has_calls and not self._form.parallel:
            return
        self._has_calls = True
        form = self._form.call_forms.of(call.name)
        call_id = self._new_id("call")
        if call.signature is not None:
            self.signatures[call_id] = Signature(call.signature, call.upstream_id)
            if self._form.encrypts:
                carried = Carried(
                    of="call",
                    content=call.signature,
                    upstream_id=call.upstream_id,
                    model=self._form.signed_by,
                )
                self._close_reasoning(encode(carried))
        self._put(to_call_item(call, form, item_id=self._new_id(ID_PREFIXES[form.kind]), call_id=call_id))

    def _take_search(self, search: Searched) -> None:
        self._search = search
        if not isinstance(self._open, OpenMessage):
            self._close_open()

    def _cite(self, cited: Cited) -> None:
        urls = dict.fromkeys(citation.url for citation in cited.citations)
        self._sources = tuple(item.UrlSource(url=url) for url in urls)
        if isinstance(self._open, OpenMessage):
            self._open.text().cite(cited.citations)

    def _end(self, finished: Finished) -> None:
        self.finished = finished
        refusal = _refusal(finished)
        is_complete = not is_cut_short(finished)
        if refusal is not None:
            # not `incomplete`, of which Codex asks for the same five times more
            self._message().refuse(refusal)
        elif self._is_wordless and (is_complete or self._open is None):
            self._message().text()
        self._close_open(is_complete=is_complete)

    @property
    def _is_wordless(self) -> bool:
        """Nothing came, or nothing but reasoning."""
        return not self._closed and not isinstance(self._open, OpenMessage)

    def _reasoning(self) -> OpenReasoning:
        if not isinstance(self._open, OpenReasoning):
            self._close_open()
            self._open = OpenReasoning(self._events.write, self._next_place("rs"))
        return self._open

    def _message(self) -> OpenMessage:
        if not isinstance(self._open, OpenMessage):
            self._close_open()
            place = self._next_place("msg")
            self._open = OpenMessage(self._events.write, place, text_start=self._characters)
        return self._open

    def _close_reasoning(self, encrypted_content: str) -> None:
        """The item ahead of a call carries what belongs to the call, and is there for that alone if need be."""
        reasoning = self._reasoning()
        self._closed.append(reasoning.close(is_complete=True, encrypted_content=encrypted_content))
        self._open = None

    def _close_open(self, *, is_complete: bool = True) -> None:
        if self._open is not None:
            self._closed.append(self._open.close(is_complete=is_complete))
            self._open = None
        if self._search is not None:
            search, self._search = self._search, None
            self._put(self._to_search_call(search))

    def _put(self, whole: item.WholeItem) -> None:
        self._close_open()
        for event in events_of(whole, len(self._closed)):
            self._events.write(event)
        self._closed.append(whole)

    def _next_place(self, prefix: str) -> ItemPlace:
        return ItemPlace(item_id=self._new_id(prefix), output_index=len(self._closed))

    def _to_search_call(self, search: Searched) -> item.WebSearchCall:
        action = item.SearchAction(
            query=next(iter(search.queries), ""), queries=search.queries, sources=self._sources
        )
        return item.WebSearchCall(id=self._new_id("ws"), status="completed", action=action)


class CompactionTurn(ResponseTurn):
    """The turn of an answer that is a summary: one item for the client to carry, which it cannot read. So there is
    nothing to tell of before the end.
    """

    def __init__(self, new_id: Callable[[str], str], events: Events) -> None:
        super().__init__(AnswerForm(), new_id, events)
        self._summary: list[str] = []

    def feed(self, event: TurnEvent) -> bytes:
        match event:
            case TextDelta(text=text):
                self._summary.append(text)
            case Finished():
                if _refusal(event) is None:
                    self._put(self._to_compaction())
                return super().feed(event)
            case _:
                pass
        return b""

    def _to_compaction(self) -> item.Compaction:
        carried = Carried(of="summary", content="".join(self._summary))
        return item.Compaction(id=self._new_id("cmp"), encrypted_content=encode(carried))


def _refusal(finished: Finished) -> str | None:
    if finished.refusal is None and finished.reason is FinishReason.CONTENT_FILTER:
        return "The answer was withheld."
    return finished.refusal


def is_cut_short(finished: Finished) -> bool:
    """The model ran out of tokens."""
    return finished.reason is FinishReason.LENGTH and finished.refusal is None
