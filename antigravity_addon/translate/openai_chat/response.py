"""Turn events -> the answer of Chat Completions, in chunks or whole.

Both ways say the same: joining the deltas of the chunks gives the message of the whole answer.
"""

from collections.abc import Callable
from typing import assert_never

from pydantic_core import to_json

from antigravity_addon.errors import GatewayError, StreamTruncated
from antigravity_addon.translate.events import (
    Finished,
    Image,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    TurnEvent,
    Usage,
)
from antigravity_addon.translate.openai_error import to_openai_error
from antigravity_addon.translate.tool_names import ToolNames
from antigravity_addon.wire.openai_chat import response as wire
from antigravity_addon.wire.sse import encode_event

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
        tool_names: ToolNames,
        include_usage: bool,
        parallel_tool_calls: bool,
    ) -> None:
        self._calls = _Calls(new_call_id, tool_names, parallel=parallel_tool_calls)
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
            case Finished():
                return frames + self._end(event)
            case _:
                assert_never(event)

    def finish(self) -> bytes:
        """What follows the finish chunk.

        Raises: StreamTruncated: the turn did not end.
        """
        finished = _the_end(self._finished)
        if not self._include_usage:
            return _DONE
        last = self._blank.model_copy(update={"usage": _to_completion_usage(finished.usage)})
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
        extra_content = _to_extra_content(signature=event.signature)
        return self._delta(wire.Delta(content=event.text, extra_content=extra_content))

    def _call(self, event: ToolCall) -> bytes:
        index = self._calls.count
        call = self._calls.take(event)
        if call is None:
            return b""
        delta = wire.ToolCallDelta(
            index=index,
            id=call.id,
            type=call.type,
            function=call.function,
            extra_content=call.extra_content,
        )
        return self._delta(wire.Delta(tool_calls=(delta,)))

    def _end(self, event: Finished) -> bytes:
        self._finished = event
        frames = b""
        if not self._has_content and not self._calls.count:
            frames += self._delta(wire.Delta(content=""))
        if event.refusal is not None:
            frames += self._delta(wire.Delta(refusal=event.refusal))
        return frames + self._chunk(wire.Delta(), event.reason.value)

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
        tool_names: ToolNames,
        parallel_tool_calls: bool,
    ) -> None:
        self._id = response_id
        self._created = created
        self._model = model
        self._calls = _Calls(new_call_id, tool_names, parallel=parallel_tool_calls)
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._tool_calls: list[wire.ToolCall] = []
        self._extra_content: wire.ExtraContent | None = None
        self._finished: Finished | None = None

    def feed(self, event: TurnEvent) -> None:
        match event:
            case TextDelta():
                self._content.append(event.text)
                self._extra_content = _to_extra_content(signature=event.signature) or self._extra_content
            case ReasoningDelta():
                self._reasoning.append(event.text)
            case Image():
                self._content.append(_to_markdown(event))
            case ToolCall():
                if call := self._calls.take(event):
                    self._tool_calls.append(call)
            case Finished():
                self._finished = event
            case _:
                assert_never(event)

    def finish(self) -> bytes:
        """The whole body.

        Raises: StreamTruncated: the turn did not end.
        """
        finished = _the_end(self._finished)
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
                    finish_reason=finished.reason.value,
                ),
            ),
            usage=_to_completion_usage(finished.usage),
            service_tier="default",
            system_fingerprint=None,
        )
        return completion.to_json()

    def _message(self, finished: Finished) -> wire.Message:
        return wire.Message(
            role="assistant",
            content=None if self._tool_calls and not self._content else "".join(self._content),
            refusal=finished.refusal,
            annotations=(),
            reasoning_content="".join(self._reasoning) or None,
            tool_calls=tuple(self._tool_calls) or None,
            extra_content=self._extra_content,
        )


class _Calls:
    """The tool calls of one answer, numbered and named for the client."""

    def __init__(self, new_id: Callable[[], str], names: ToolNames, *, parallel: bool) -> None:
        self.count = 0
        self._new_id = new_id
        self._names = names
        self._parallel = parallel

    def take(self, call: ToolCall) -> wire.ToolCall | None:
        """`None` for the second of calls that the client wants one at a time."""
        if self.count and not self._parallel:
            return None
        self.count += 1
        return wire.ToolCall(
            id=self._new_id(),
            type="function",
            function=wire.CalledFunction(
                name=self._names.to_client(call.name),
                # NaN and the infinities are no JSON, though Gemini's side would parse them
                arguments=to_json(call.arguments, inf_nan_mode="null").decode(),
            ),
            extra_content=_to_extra_content(signature=call.signature, upstream_id=call.upstream_id),
        )


def _the_end(finished: Finished | None) -> Finished:
    if finished is None:
        raise StreamTruncated("The answer ended before the model's turn did.")
    return finished


def _to_extra_content(*, signature: str | None, upstream_id: str | None = None) -> wire.ExtraContent | None:
    if signature is None and upstream_id is None:
        return None
    return wire.ExtraContent(google=wire.GoogleExtra(thought_signature=signature, id=upstream_id))


def _to_markdown(image: Image) -> str:
    """Chat Completions has no field for images of the assistant; every client shows Markdown."""
    return f"![image](data:{image.mime_type};base64,{image.data})"


def _to_completion_usage(usage: Usage) -> wire.CompletionUsage:
    return wire.CompletionUsage(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        prompt_tokens_details=wire.PromptTokensDetails(cached_tokens=usage.cached_tokens, audio_tokens=0),
        completion_tokens_details=wire.CompletionTokensDetails(
            reasoning_tokens=usage.reasoning_tokens,
            audio_tokens=0,
            accepted_prediction_tokens=0,
            rejected_prediction_tokens=0,
        ),
    )
