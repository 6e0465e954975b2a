"""Turn events -> the answer of Chat Completions, in chunks or whole.

Both ways say the same: joining the deltas of the chunks gives the message of the whole answer. An answer has one
choice for each turn of the model.
"""

from collections.abc import Callable
from copy import replace
from typing import assert_never

from msgspec import UNSET, UnsetType

from antigravity_addon.errors import GatewayError
from antigravity_addon.translate.conversation import Signature
from antigravity_addon.translate.events import (
    Citation,
    Cited,
    Finished,
    Image,
    Logprobs,
    ReasoningDelta,
    Searched,
    TextDelta,
    TokenLogprob,
    ToolCall,
    TurnEvent,
    Usage,
    the_end,
)
from antigravity_addon.translate.openai_error import to_openai_error
from antigravity_addon.translate.openai_logprobs import to_logprob
from antigravity_addon.translate.openai_usage import to_completion_usage
from antigravity_addon.wire import openai_logprobs
from antigravity_addon.wire.base import write_json
from antigravity_addon.wire.openai_chat import response as wire
from antigravity_addon.wire.sse import KEEP_ALIVE, encode_event

from .calls import AnswerCalls, CallForm, LegacyCall, to_extra_content

_DONE = encode_event(b"[DONE]")


class ChatStream:
    """An answer as server-sent events: the choices' chunks as they come, and what belongs to all of them at the end.

    `signatures` collects those of the calls in it, by the ids that the client knows them by.
    """

    def __init__(
        self,
        *,
        response_id: str,
        created: int,
        model: str,
        new_call_id: Callable[[], str],
        call_form: CallForm,
        include_usage: bool,
    ) -> None:
        self._new_call_id = new_call_id
        self._call_form = call_form
        self._include_usage = include_usage
        self._blank = wire.ChatCompletionChunk(
            id=response_id, created=created, model=model, usage=None if include_usage else UNSET
        )
        self._choices: dict[int, ChoiceStream] = {}
        self.signatures: dict[str, Signature] = {}

    def begin(self, index: int = 0) -> "ChoiceStream":
        """A choice from its start; again for another attempt at it, of which the client has got nothing."""
        calls = AnswerCalls(self._new_call_id, self._call_form, self.signatures)
        choice = self._choices[index] = ChoiceStream(self._blank, index, calls)
        return choice

    def finish(self) -> bytes:
        """What follows the last choice.

        Raises: StreamTruncated: a turn did not end.
        """
        usage = sum((the_end(choice.finished).usage for choice in self._choices.values()), Usage())
        if not self._include_usage:
            return _DONE
        last = replace(self._blank, usage=to_completion_usage(usage))
        return encode_event(last.to_json()) + _DONE

    def error(self, error: GatewayError) -> bytes:
        """The last frame of a stream that broke. Without a finish reason and without `[DONE]`: every client takes
        this for a failure, and nearly all take a stream that merely ends for a complete answer."""
        return encode_event(to_openai_error(error).to_json())

    def keep_alive(self) -> bytes:
        return KEEP_ALIVE


class ChoiceStream:
    """One choice in chunks. It needs state because OpenAI numbers tool calls over the whole stream and wants the role
    once and first.
    """

    def __init__(self, blank: wire.ChatCompletionChunk, index: int, calls: AnswerCalls) -> None:
        self._index = index
        self._calls = calls
        # chunks differ in their choice only, nearly all in its delta, and there is one per token: the rest is serialised once
        self._before_choice, _, self._after_choice = encode_event(blank.to_json()).rpartition(b"[]")
        self._before_delta, _, self._after_delta = self._chunk(wire.Delta()).rpartition(b"{}")
        self._started = False
        self._has_content = False
        """`content` was sent as a string, if only an empty one."""
        self.finished: Finished | None = None

    def feed(self, event: TurnEvent) -> bytes:
        """Whole events of the stream; none for a tool call too many."""
        frames = b"" if self._started else self._start(event)
        match event:
            case TextDelta():
                self._has_content = True
                return frames + self._text(event)
            case ReasoningDelta():
                return frames + self._delta(wire.Delta(reasoning_content=event.text))
            case Image():
                self._has_content = True
                return frames + self._content(_to_markdown(event))
            case ToolCall():
                return frames + self._call(event)
            case Logprobs():
                return frames + self._chunk(wire.Delta(), logprobs=_to_logprobs(event.tokens))
            case Searched():
                return frames  # Chat Completions tells of searches by what they found alone
            case Cited():
                return frames + self._delta(wire.Delta(annotations=_to_annotations(event.citations)))
            case Finished():
                return frames + self._end(event)
            case _:
                assert_never(event)

    def _start(self, event: TurnEvent) -> bytes:
        self._started = True
        self._has_content = not isinstance(event, ToolCall | ReasoningDelta)
        content = "" if self._has_content else None
        return self._delta(wire.Delta(role="assistant", content=content, refusal=None))

    def _text(self, event: TextDelta) -> bytes:
        if event.signature is None:
            # nearly every event is this one: without a model in between it takes 1 µs instead of 5
            return self._content(event.text)
        extra_content = to_extra_content(signature=event.signature)
        return self._delta(wire.Delta(content=event.text, extra_content=extra_content))

    def _content(self, text: str) -> bytes:
        return b'%b{"content":%b}%b' % (self._before_delta, write_json(text), self._after_delta)

    def _call(self, event: ToolCall) -> bytes:
        index = self._calls.count
        match self._calls.take(event):
            case None:
                return b""
            case LegacyCall(function=function, extra_content=extra_content):
                return self._delta(wire.Delta(function_call=function, extra_content=extra_content))
            case call:
                return self._delta(wire.Delta(tool_calls=(replace(call, index=index),)))

    def _end(self, event: Finished) -> bytes:
        self.finished = event
        frames = b""
        if not self._has_content and not self._calls.count:
            frames += self._delta(wire.Delta(content=""))
        if event.refusal is not None:
            frames += self._delta(wire.Delta(refusal=event.refusal))
        return frames + self._chunk(wire.Delta(), self._calls.finish_reason(event))

    def _delta(self, delta: wire.Delta) -> bytes:
        return self._before_delta + delta.to_json() + self._after_delta

    def _chunk(
        self,
        delta: wire.Delta,
        finish_reason: wire.FinishReason | None = None,
        logprobs: wire.ChoiceLogprobs | None = None,
    ) -> bytes:
        choice = wire.ChunkChoice(
            index=self._index, delta=delta, logprobs=logprobs, finish_reason=finish_reason
        )
        return b"%b[%b]%b" % (self._before_choice, choice.to_json(), self._after_choice)


class ChatWhole:
    """The same answer as one object."""

    def __init__(
        self,
        *,
        response_id: str,
        created: int,
        model: str,
        new_call_id: Callable[[], str],
        call_form: CallForm,
    ) -> None:
        self._id = response_id
        self._created = created
        self._model = model
        self._new_call_id = new_call_id
        self._call_form = call_form
        self._choices: dict[int, WholeChoice] = {}
        self.signatures: dict[str, Signature] = {}
        """Of the calls, by the ids that the client knows them by."""

    def begin(self, index: int = 0) -> "WholeChoice":
        calls = AnswerCalls(self._new_call_id, self._call_form, self.signatures)
        choice = self._choices[index] = WholeChoice(index, calls)
        return choice

    def finish(self) -> bytes:
        """The whole body.

        Raises: StreamTruncated: a turn did not end.
        """
        choices = [self._choices[index] for index in sorted(self._choices)]
        completion = wire.ChatCompletion(
            id=self._id,
            created=self._created,
            model=self._model,
            choices=tuple(choice.finish() for choice in choices),
            usage=to_completion_usage(sum((the_end(choice.finished).usage for choice in choices), Usage())),
        )
        return completion.to_json()


class WholeChoice:
    """One choice, collected."""

    def __init__(self, index: int, calls: AnswerCalls) -> None:
        self._index = index
        self._calls = calls
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._tool_calls: list[wire.ToolCall | wire.CustomToolCall] = []
        self._function_call: wire.CalledFunction | UnsetType = UNSET
        self._extra_content: wire.ExtraContent | UnsetType = UNSET
        self._logprobs: list[openai_logprobs.TokenLogprob] = []
        self._annotations: tuple[wire.Annotation, ...] = ()
        self.finished: Finished | None = None

    def feed(self, event: TurnEvent) -> bytes:
        """Never gives any bytes: the client gets nothing before the end."""
        match event:
            case TextDelta():
                self._content.append(event.text)
                self._extra_content = to_extra_content(signature=event.signature) or self._extra_content
            case ReasoningDelta():
                self._reasoning.append(event.text)
            case Image():
                self._content.append(_to_markdown(event))
            case ToolCall():
                self._call(event)
            case Logprobs():
                self._logprobs.extend(_to_logprobs(event.tokens).content)
            case Searched():
                pass
            case Cited():
                self._annotations = _to_annotations(event.citations)
            case Finished():
                self.finished = event
            case _:
                assert_never(event)
        return b""

    def _call(self, event: ToolCall) -> None:
        match self._calls.take(event):
            case None:
                pass
            case LegacyCall(function=function, extra_content=extra_content):
                self._function_call = function
                self._extra_content = extra_content or self._extra_content
            case call:
                self._tool_calls.append(call)

    def finish(self) -> wire.Choice:
        """Raises: StreamTruncated: the turn did not end."""
        finished = the_end(self.finished)
        logprobs = wire.ChoiceLogprobs(content=tuple(self._logprobs))
        return wire.Choice(
            index=self._index,
            message=self._message(finished),
            logprobs=logprobs if self._logprobs else None,
            finish_reason=self._calls.finish_reason(finished),
        )

    def _message(self, finished: Finished) -> wire.Message:
        return wire.Message(
            content=None if self._calls.count and not self._content else "".join(self._content),
            refusal=finished.refusal,
            annotations=self._annotations,
            reasoning_content="".join(self._reasoning) or UNSET,
            tool_calls=tuple(self._tool_calls) or UNSET,
            function_call=self._function_call,
            extra_content=self._extra_content,
        )


def _to_markdown(image: Image) -> str:
    """Chat Completions has no field for images of the assistant; every client shows Markdown."""
    return f"![image](data:{image.mime_type};base64,{image.data})"


def _to_annotations(citations: tuple[Citation, ...]) -> tuple[wire.Annotation, ...]:
    return tuple(
        wire.Annotation(
            url_citation=wire.UrlCitation(
                start_index=citation.start, end_index=citation.end, url=citation.url, title=citation.title
            ),
        )
        for citation in citations
    )


def _to_logprobs(tokens: tuple[TokenLogprob, ...]) -> wire.ChoiceLogprobs:
    return wire.ChoiceLogprobs(content=tuple(map(to_logprob, tokens)))
