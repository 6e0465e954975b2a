"""Turn events -> the answer of Chat Completions, in chunks or whole.

Both ways say the same: joining the deltas of the chunks gives the message of the whole answer.
"""

from collections.abc import Callable
from typing import assert_never

from pydantic_core import to_json

from antigravity_addon.errors import GatewayError
from antigravity_addon.translate.events import (
    Cited,
    Finished,
    Image,
    Logprobs,
    ReasoningDelta,
    Searched,
    TextDelta,
    ToolCall,
    TurnEvent,
    the_end,
)
from antigravity_addon.translate.openai_error import to_openai_error
from antigravity_addon.translate.openai_usage import to_completion_usage
from antigravity_addon.wire.openai_chat import response as wire
from antigravity_addon.wire.sse import encode_event

from .calls import AnswerCalls, CallForm, LegacyCall, to_extra_content, to_tool_call_delta

_DONE = encode_event("[DONE]")


class ChatStreamEncoder:
    """A turn as server-sent events. It needs state because OpenAI numbers tool calls over the whole stream, wants
    the role once and first, and usage after the end.
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
        self._calls = AnswerCalls(new_call_id, call_form)
        self._include_usage = include_usage
        blank = wire.ChatCompletionChunk(
            id=response_id,
            object="chat.completion.chunk",
            created=created,
            model=model,
            service_tier="default",
            system_fingerprint=None,
            choices=(),
        )
        self._blank = blank.model_copy(update={"usage": None}) if include_usage else blank
        # chunks differ in their delta only, and there is one per token: the rest is serialised once
        self._before_delta, _, self._after_delta = self._chunk(wire.Delta()).rpartition(b"{}")
        self._started = False
        self._has_content = False
        """`content` was sent as a string, if only an empty one."""
        self._finished: Finished | None = None

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
                return frames + self._delta(wire.Delta(content=_to_markdown(event)))
            case ToolCall():
                return frames + self._call(event)
            case Logprobs() | Searched() | Cited():
                return frames
            case Finished():
                return frames + self._end(event)
            case _:
                assert_never(event)

    def finish(self) -> bytes:
        """What follows the finish chunk.

        Raises: StreamTruncated: the turn did not end.
        """
        finished = the_end(self._finished)
        if not self._include_usage:
            return _DONE
        last = self._blank.model_copy(update={"usage": to_completion_usage(finished.usage)})
        return encode_event(last.to_json()) + _DONE

    def error(self, error: GatewayError) -> bytes:
        """The last frame of a stream that broke. Without a finish reason and without `[DONE]`: every client takes
        this for a failure, and nearly all take a stream that merely ends for a complete answer."""
        return encode_event(to_openai_error(error).to_json())

    def _start(self, event: TurnEvent) -> bytes:
        self._started = True
        self._has_content = not isinstance(event, ToolCall | ReasoningDelta)
        content = "" if self._has_content else None
        return self._delta(wire.Delta(role="assistant", content=content, refusal=None))

    def _text(self, event: TextDelta) -> bytes:
        if event.signature is None:
            # nearly every event is this one: without a model in between it takes 1 µs instead of 5
            return b'%b{"content":%b}%b' % (self._before_delta, to_json(event.text), self._after_delta)
        extra_content = to_extra_content(signature=event.signature)
        return self._delta(wire.Delta(content=event.text, extra_content=extra_content))

    def _call(self, event: ToolCall) -> bytes:
        index = self._calls.count
        match self._calls.take(event):
            case None:
                return b""
            case LegacyCall(function=function, extra_content=extra_content):
                return self._delta(wire.Delta(function_call=function, extra_content=extra_content))
            case call:
                return self._delta(wire.Delta(tool_calls=(to_tool_call_delta(call, index),)))

    def _end(self, event: Finished) -> bytes:
        self._finished = event
        frames = b""
        if not self._has_content and not self._calls.count:
            frames += self._delta(wire.Delta(content=""))
        if event.refusal is not None:
            frames += self._delta(wire.Delta(refusal=event.refusal))
        return frames + self._chunk(wire.Delta(), self._calls.finish_reason(event))

    def _delta(self, delta: wire.Delta) -> bytes:
        return self._before_delta + delta.to_json() + self._after_delta

    def _chunk(self, delta: wire.Delta, finish_reason: wire.FinishReason | None = None) -> bytes:
        choice = wire.ChunkChoice(index=0, delta=delta, logprobs=None, finish_reason=finish_reason)
        return encode_event(self._blank.model_copy(update={"choices": (choice,)}).to_json())


class ChatCompletionBuilder:
    """The same turn as one object."""

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
        self._calls = AnswerCalls(new_call_id, call_form)
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._tool_calls: list[wire.ToolCall | wire.CustomToolCall] = []
        self._function_call: wire.CalledFunction | None = None
        self._extra_content: wire.ExtraContent | None = None
        self._finished: Finished | None = None

    def feed(self, event: TurnEvent) -> None:
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
            case Logprobs() | Searched() | Cited():
                pass
            case Finished():
                self._finished = event
            case _:
                assert_never(event)

    def _call(self, event: ToolCall) -> None:
        match self._calls.take(event):
            case None:
                pass
            case LegacyCall(function=function, extra_content=extra_content):
                self._function_call = function
                self._extra_content = extra_content or self._extra_content
            case call:
                self._tool_calls.append(call)

    def finish(self) -> bytes:
        """The whole body.

        Raises: StreamTruncated: the turn did not end.
        """
        finished = the_end(self._finished)
        completion = wire.ChatCompletion(
            id=self._id,
            object="chat.completion",
            created=self._created,
            model=self._model,
            choices=(
                wire.Choice(
                    index=0,
                    message=self._message(finished),
                    logprobs=None,
                    finish_reason=self._calls.finish_reason(finished),
                ),
            ),
            usage=to_completion_usage(finished.usage),
            service_tier="default",
            system_fingerprint=None,
        )
        return completion.to_json()

    def _message(self, finished: Finished) -> wire.Message:
        return wire.Message(
            role="assistant",
            content=None if self._calls.count and not self._content else "".join(self._content),
            refusal=finished.refusal,
            annotations=(),
            reasoning_content="".join(self._reasoning) or None,
            tool_calls=tuple(self._tool_calls) or None,
            function_call=self._function_call,
            extra_content=self._extra_content,
        )


def _to_markdown(image: Image) -> str:
    """Chat Completions has no field for images of the assistant; every client shows Markdown."""
    return f"![image](data:{image.mime_type};base64,{image.data})"
