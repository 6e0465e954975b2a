"""Items that grow: reasoning and messages, from their first piece to their last."""

from collections.abc import Iterable

from msgspec import UNSET

from antigravity_addon.translate.events import Citation, TokenLogprob
from antigravity_addon.translate.openai_logprobs import to_logprob
from antigravity_addon.wire import openai_logprobs as wire
from antigravity_addon.wire.base import written
from antigravity_addon.wire.openai_responses import events as event
from antigravity_addon.wire.openai_responses import output_items as item


class OpenReasoning:
    """A reasoning item with one part of summary, or none."""

    def __init__(self, write: event.Write, place: event.ItemPlace) -> None:
        self._write = write
        self._place = place
        self._part = event.SummaryPlace(**place, summary_index=0)
        self._text: list[str] = []
        self._deltas = event.Deltas(event.ReasoningSummaryTextDelta(**self._part, delta=""))
        added = item.Reasoning(id=place["item_id"], summary=(), encrypted_content=None)
        write(event.OutputItemAdded(output_index=place["output_index"], item=added))

    def add(self, text: str) -> None:
        if not self._text:
            self._write(event.ReasoningSummaryPartAdded(**self._part, part=item.SummaryText(text="")))
        self._text.append(text)
        self._write(self._deltas.of(text))

    def close(self, *, is_complete: bool, encrypted_content: str | None = None) -> item.Reasoning:
        reasoning = self.so_far(is_complete=is_complete, encrypted_content=encrypted_content)
        for part in reasoning.summary:
            self._write(event.ReasoningSummaryTextDone(**self._part, text=part.text))
            self._write(event.ReasoningSummaryPartDone(**self._part, part=part))
        self._write(event.OutputItemDone(output_index=self._place["output_index"], item=reasoning))
        return reasoning

    def so_far(self, *, is_complete: bool, encrypted_content: str | None = None) -> item.Reasoning:
        return item.Reasoning(
            id=self._place["item_id"],
            summary=(item.SummaryText(text=written("".join(self._text))),) if self._text else (),
            encrypted_content=encrypted_content,
            status=UNSET if is_complete else "incomplete",
        )


class OpenMessage:
    """A message of a text, of a refusal, or of one after the other."""

    def __init__(self, write: event.Write, place: event.ItemPlace, *, text_start: int) -> None:
        """`text_start`: how many characters of text the turn had before."""
        self._write = write
        self._place = place
        self._text_start = text_start
        self._closed: list[item.ContentPart] = []
        self._text: OpenText | None = None
        write(event.OutputItemAdded(output_index=place["output_index"], item=self._message("in_progress")))

    @property
    def id(self) -> str:
        return self._place["item_id"]

    def text(self) -> "OpenText":
        """The text, begun if there was none."""
        if self._text is None:
            self._text = OpenText(self._write, self._next_part(), start=self._text_start)
        return self._text

    def refuse(self, refusal: str) -> None:
        self._close_text()
        place, part = self._next_part(), item.Refusal(refusal=refusal)
        self._write(event.ContentPartAdded(**place, part=item.Refusal(refusal="")))
        self._write(event.RefusalDelta(**place, delta=refusal))
        self._write(event.RefusalDone(**place, refusal=refusal))
        self._write(event.ContentPartDone(**place, part=part))
        self._closed.append(part)

    def close(self, *, is_complete: bool) -> item.Message:
        self._close_text()
        message = self.so_far(is_complete=is_complete)
        self._write(event.OutputItemDone(output_index=self._place["output_index"], item=message))
        return message

    def so_far(self, *, is_complete: bool) -> item.Message:
        return self._message("completed" if is_complete else "incomplete")

    def _next_part(self) -> event.PartPlace:
        return event.PartPlace(**self._place, content_index=len(self._closed))

    def _close_text(self) -> None:
        if self._text is not None:
            self._closed.append(self._text.close())
            self._text = None

    def _message(self, status: item.ItemStatus) -> item.Message:
        open_part = () if self._text is None else (self._text.so_far(),)
        return item.Message(id=self.id, status=status, content=(*self._closed, *open_part))


class OpenText:
    """A part of a message."""

    def __init__(self, write: event.Write, place: event.PartPlace, *, start: int) -> None:
        """`start`: how many characters of text the turn had before."""
        self._write = write
        self._place = place
        self._start = start
        self._text: list[str] = []
        self._annotations: list[item.UrlCitation] = []
        self._logprobs: list[wire.TokenLogprob] = []
        self._deltas = event.Deltas(event.OutputTextDelta(**place, delta=""))
        write(event.ContentPartAdded(**place, part=self.so_far()))

    def add(self, text: str) -> None:
        self._text.append(text)
        self._write(self._deltas.of(text))

    def add_logprobs(self, tokens: Iterable[TokenLogprob]) -> None:
        self._logprobs += map(to_logprob, tokens)

    def cite(self, citations: Iterable[Citation]) -> None:
        """Those of them that are about this text, as far as they are."""
        length = sum(map(len, self._text))
        for citation in citations:
            start, end = max(citation.start - self._start, 0), min(citation.end - self._start, length)
            if start < end:
                self._annotate(
                    item.UrlCitation(start_index=start, end_index=end, url=citation.url, title=citation.title)
                )

    def close(self) -> item.OutputText:
        part = self.so_far()
        self._write(event.OutputTextDone(**self._place, text=part.text, logprobs=part.logprobs))
        self._write(event.ContentPartDone(**self._place, part=part))
        return part

    def so_far(self) -> item.OutputText:
        return item.OutputText(
            annotations=tuple(self._annotations),
            logprobs=tuple(self._logprobs),
            text=written("".join(self._text)),
        )

    def _annotate(self, annotation: item.UrlCitation) -> None:
        index = len(self._annotations)
        self._write(event.AnnotationAdded(**self._place, annotation_index=index, annotation=annotation))
        self._annotations.append(annotation)
