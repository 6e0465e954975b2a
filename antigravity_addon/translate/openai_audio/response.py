"""Turn events -> a transcript or a translation, in events or whole. Only text is answered with."""

from collections.abc import Callable

from antigravity_addon.errors import GatewayError, UpstreamRefused
from antigravity_addon.translate.events import (
    Finished,
    FinishReason,
    TextDelta,
    TurnEvent,
    Usage,
    the_end,
)
from antigravity_addon.translate.openai_error import to_openai_error
from antigravity_addon.wire.openai_audio import response as wire
from antigravity_addon.wire.openai_audio.request import FILE
from antigravity_addon.wire.sse import KEEP_ALIVE, encode_event

type Form = Callable[[str, Usage], bytes]
"""Writes the answer's body."""


def as_text(text: str, _usage: Usage) -> bytes:
    return text.encode()


def as_transcription(text: str, usage: Usage) -> bytes:
    return wire.Transcription(text=text, usage=_to_tokens_usage(usage)).to_json()


def as_translation(text: str, _usage: Usage) -> bytes:
    return wire.Translation(text=text).to_json()


class TranscriptStream:
    """An answer as server-sent events."""

    def __init__(self) -> None:
        self._turn = StreamedTranscript()

    def begin(self, index: int = 0) -> "StreamedTranscript":  # noqa: ARG002  there is one turn
        """The transcript from its start; again for another attempt, of which the client has got nothing."""
        self._turn = StreamedTranscript()
        return self._turn

    def finish(self) -> bytes:
        """Raises: StreamTruncated: the turn did not end."""
        usage = _to_tokens_usage(the_end(self._turn.finished).usage)
        return encode_event(wire.TextDone(text=self._turn.text, usage=usage).to_json())

    def error(self, error: GatewayError) -> bytes:
        """The last frame of a stream that broke, without the event that ends a good one."""
        return encode_event(to_openai_error(error).to_json())

    def keep_alive(self) -> bytes:
        return KEEP_ALIVE


class TranscriptWhole:
    """The same answer as one body."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._turn = WholeTranscript()

    def begin(self, index: int = 0) -> "WholeTranscript":  # noqa: ARG002
        self._turn = WholeTranscript()
        return self._turn

    def finish(self) -> bytes:
        """Raises: StreamTruncated: the turn did not end."""
        return self._form(self._turn.text, the_end(self._turn.finished).usage)


class _Transcript:
    """The text of one turn, without the blanks around it.

    State: the text so far, and the blanks behind it, which belong to it if more text follows.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._blanks = ""
        self.finished: Finished | None = None

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def _read(self, event: TurnEvent) -> str:
        """The text that is new.

        Raises: UpstreamRefused: the text is withheld, or cut short, and would pass for the whole.
        """
        match event:
            case TextDelta(text=text):
                return self._add(text)
            case Finished(reason=FinishReason.CONTENT_FILTER):
                raise UpstreamRefused(
                    event.refusal or "The text was withheld.", param=FILE, code="content_filter"
                )
            case Finished(reason=FinishReason.LENGTH):
                raise UpstreamRefused(
                    "The text is longer than one answer of the model can be: send the recording in pieces.",
                    param=FILE,
                )
            case Finished():
                self.finished = event
            case _:
                pass  # thoughts are no text
        return ""

    def _add(self, text: str) -> str:
        text = self._blanks + text
        if not self._pieces:
            text = text.lstrip()
        said = text.rstrip()
        self._blanks = text[len(said) :]
        if said:
            self._pieces.append(said)
        return said


class StreamedTranscript(_Transcript):
    def feed(self, event: TurnEvent) -> bytes:
        """Whole events of the stream; none for what is no text. Raises: UpstreamRefused."""
        delta = self._read(event)
        return encode_event(wire.TextDelta(delta=delta).to_json()) if delta else b""


class WholeTranscript(_Transcript):
    def feed(self, event: TurnEvent) -> bytes:
        """Never gives any bytes: the client gets nothing before the end. Raises: UpstreamRefused."""
        self._read(event)
        return b""


def _to_tokens_usage(usage: Usage) -> wire.TokensUsage:
    return wire.TokensUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
    )
