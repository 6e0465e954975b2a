"""Turn events -> the answer of legacy Completions, in chunks or whole. Only text is answered with.

An answer has one choice for each turn of the model.
"""

from collections.abc import Sequence
from copy import replace

from antigravity_addon.errors import GatewayError
from antigravity_addon.translate.events import Finished, FinishReason, TextDelta, TurnEvent, Usage, the_end
from antigravity_addon.translate.openai_error import to_openai_error
from antigravity_addon.translate.openai_usage import to_completion_usage
from antigravity_addon.wire.openai_completions import response as wire
from antigravity_addon.wire.sse import KEEP_ALIVE, encode_event

_REASONS: dict[FinishReason, wire.FinishReason] = {
    FinishReason.STOP: "stop",
    # nobody offered a tool
    FinishReason.TOOL_CALLS: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.CONTENT_FILTER: "content_filter",
}


class CompletionStream:
    """An answer as server-sent events: the choices' chunks as they come, and what belongs to all of them at the end."""

    def __init__(
        self, *, response_id: str, created: int, model: str, echoes: Sequence[str], include_usage: bool
    ) -> None:
        """`echoes`: for each choice the text that the client wants in front of it, maybe none."""
        self._echoes = echoes
        self._include_usage = include_usage
        blank = _blank(response_id, created, model)
        self._blank = replace(blank, usage=None) if include_usage else blank
        self._choices: dict[int, ChoiceStream] = {}

    def begin(self, index: int = 0) -> "ChoiceStream":
        """A choice from its start; again for another attempt at it, of which the client has got nothing."""
        choice = self._choices[index] = ChoiceStream(self._blank, index, self._echoes[index])
        return choice

    def finish(self) -> bytes:
        """Raises: StreamTruncated: a turn did not end."""
        usage = sum((the_end(choice.finished).usage for choice in self._choices.values()), Usage())
        done = encode_event(b"[DONE]")
        if not self._include_usage:
            return done
        last = replace(self._blank, usage=to_completion_usage(usage))
        return encode_event(last.to_json()) + done

    def error(self, error: GatewayError) -> bytes:
        """The last frame of a stream that broke, without a finish reason and without `[DONE]`."""
        return encode_event(to_openai_error(error).to_json())

    def keep_alive(self) -> bytes:
        return KEEP_ALIVE


class ChoiceStream:
    """One choice in chunks. It needs state because an echo goes in front."""

    def __init__(self, blank: wire.Completion, index: int, echo: str) -> None:
        self._blank = blank
        self._index = index
        self._echo = echo
        self.finished: Finished | None = None

    def feed(self, event: TurnEvent) -> bytes:
        """Whole events of the stream; none for what is no text."""
        match event:
            case TextDelta(text=text) if text:
                return self._echoed() + self._chunk(text)
            case Finished():
                self.finished = event
                return self._echoed() + self._chunk("", _REASONS[event.reason])
            case _:
                return b""

    def _echoed(self) -> bytes:
        echo, self._echo = self._echo, ""
        return self._chunk(echo) if echo else b""

    def _chunk(self, text: str, reason: wire.FinishReason | None = None) -> bytes:
        choice = wire.Choice(text=text, index=self._index, finish_reason=reason)
        return encode_event(replace(self._blank, choices=(choice,)).to_json())


class CompletionWhole:
    """The same answer as one object."""

    def __init__(self, *, response_id: str, created: int, model: str, echoes: Sequence[str]) -> None:
        self._blank = _blank(response_id, created, model)
        self._echoes = echoes
        self._choices: dict[int, WholeChoice] = {}

    def begin(self, index: int = 0) -> "WholeChoice":
        choice = self._choices[index] = WholeChoice(index, self._echoes[index])
        return choice

    def finish(self) -> bytes:
        """Raises: StreamTruncated: a turn did not end."""
        choices = [self._choices[index] for index in sorted(self._choices)]
        usage = sum((the_end(choice.finished).usage for choice in choices), Usage())
        whole = replace(
            self._blank,
            choices=tuple(choice.finish() for choice in choices),
            usage=to_completion_usage(usage),
        )
        return whole.to_json()


class WholeChoice:
    """One choice, collected."""

    def __init__(self, index: int, echo: str) -> None:
        self._index = index
        self._text = [echo]
        self.finished: Finished | None = None

    def feed(self, event: TurnEvent) -> bytes:
        """Never gives any bytes: the client gets nothing before the end."""
        match event:
            case TextDelta():
                self._text.append(event.text)
            case Finished():
                self.finished = event
            case _:
                pass  # thoughts, images and calls are no text
        return b""

    def finish(self) -> wire.Choice:
        """Raises: StreamTruncated: the turn did not end."""
        reason = _REASONS[the_end(self.finished).reason]
        return wire.Choice(text="".join(self._text), index=self._index, finish_reason=reason)


def _blank(response_id: str, created: int, model: str) -> wire.Completion:
    return wire.Completion(id=response_id, created=created, model=model)
