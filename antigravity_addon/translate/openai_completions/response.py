"""Turn events -> the answer of legacy Completions, in chunks or whole. Only text is answered with."""

from antigravity_addon.errors import GatewayError
from antigravity_addon.translate.events import Finished, FinishReason, TextDelta, TurnEvent, the_end
from antigravity_addon.translate.openai_error import to_openai_error
from antigravity_addon.translate.openai_usage import to_completion_usage
from antigravity_addon.wire.openai_completions import response as wire
from antigravity_addon.wire.sse import encode_event

_REASONS: dict[FinishReason, wire.FinishReason] = {
    FinishReason.STOP: "stop",
    # nobody offered a tool
    FinishReason.TOOL_CALLS: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.CONTENT_FILTER: "content_filter",
}


class CompletionStreamEncoder:
    """A turn as server-sent events. It needs state because usage comes after the end, and an echo in front."""

    def __init__(self, *, response_id: str, created: int, model: str, echo: str, include_usage: bool) -> None:
        """`echo`: the prompt, if the client wants it in front of the answer."""
        self._echo = echo
        self._include_usage = include_usage
        blank = _blank(response_id, created, model)
        self._blank = blank.model_copy(update={"usage": None}) if include_usage else blank
        self._finished: Finished | None = None

    def feed(self, event: TurnEvent) -> bytes:
        """Whole events of the stream; none for what is no text."""
        match event:
            case TextDelta(text=text) if text:
                return self._echoed() + self._chunk(text)
            case Finished():
                self._finished = event
                return self._echoed() + self._chunk("", _REASONS[event.reason])
            case _:
                return b""

    def finish(self) -> bytes:
        """Raises: StreamTruncated: the turn did not end."""
        finished = the_end(self._finished)
        done = encode_event("[DONE]")
        if not self._include_usage:
            return done
        last = self._blank.model_copy(update={"usage": to_completion_usage(finished.usage)})
        return encode_event(last.to_json()) + done

    def error(self, error: GatewayError) -> bytes:
        """The last frame of a stream that broke, without a finish reason and without `[DONE]`."""
        return encode_event(to_openai_error(error).to_json())

    def _echoed(self) -> bytes:
        echo, self._echo = self._echo, ""
        return self._chunk(echo) if echo else b""

    def _chunk(self, text: str, reason: wire.FinishReason | None = None) -> bytes:
        choice = wire.Choice(text=text, index=0, logprobs=None, finish_reason=reason)
        return encode_event(self._blank.model_copy(update={"choices": (choice,)}).to_json())


class CompletionBuilder:
    """The same turn as one object."""

    def __init__(self, *, response_id: str, created: int, model: str, echo: str) -> None:
        self._blank = _blank(response_id, created, model)
        self._text = [echo]
        self._finished: Finished | None = None

    def feed(self, event: TurnEvent) -> None:
        match event:
            case TextDelta():
                self._text.append(event.text)
            case Finished():
                self._finished = event
            case _:
                pass  # thoughts, images and calls are no text

    def finish(self) -> bytes:
        """Raises: StreamTruncated: the turn did not end."""
        finished = the_end(self._finished)
        choice = wire.Choice(
            text="".join(self._text), index=0, logprobs=None, finish_reason=_REASONS[finished.reason]
        )
        whole = {"choices": (choice,), "usage": to_completion_usage(finished.usage)}
        return self._blank.model_copy(update=whole).to_json()


def _blank(response_id: str, created: int, model: str) -> wire.Completion:
    return wire.Completion(
        id=response_id,
        object="text_completion",
        created=created,
        model=model,
        choices=(),
        system_fingerprint=None,
    )
