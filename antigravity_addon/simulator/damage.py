"""A sound answer, on its way to be sent, and what can be done to it."""

import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from antigravity_addon.wire.base import Json

from .exchange import JSON_HEADERS, PLAIN_SSE_HEADERS, SSE_HEADERS, Exchange
from .families import Family
from .response import Chunk, Framing, Part, Text, Turn, Usage, continuation_token, event, pieces, pretty
from .status import Status


@dataclass(frozen=True, slots=True)
class Pace:
    seconds_between_events: float = 0.0
    seconds_of_slow_first: float = 1.0
    """How long the fault `slow-first` keeps its first event back."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A sound answer, on its way to be sent."""

    turn: Turn
    framing: Framing
    pace: Pace = Pace()
    behind: int = 0
    """Chunks that came in earlier hops; the turn holds the others."""

    def exchange(self) -> Exchange:
        return self.sending(pieces(self.turn, self.framing))

    def sending(self, body: tuple[bytes, ...]) -> Exchange:
        """Other bytes than the turn's own, sent as the turn would be."""
        pause = self.pace.seconds_between_events
        return Exchange(
            200, self._headers, tuple((pause if i else 0.0, piece) for i, piece in enumerate(body))
        )

    @property
    def _headers(self) -> Mapping[str, str]:
        gemini = self.turn.family is Family.GEMINI
        headers = JSON_HEADERS
        if self.framing is Framing.SSE:
            headers = SSE_HEADERS if gemini else PLAIN_SSE_HEADERS
        if self.turn.family is Family.CODE_ASSIST:
            return {**headers, "x-cloudaicompanion-trace-id": self.turn.trace_id}
        return headers

    def telling(self, *chunks: Chunk) -> Exchange:
        """Other chunks than the turn's own."""
        return replace(self, turn=replace(self.turn, chunks=chunks)).exchange()

    @property
    def body(self) -> tuple[bytes, ...]:
        return pieces(self.turn, self.framing)

    @property
    def usage(self) -> Usage | None:
        return self.turn.chunks[-1].usage

    def half(self) -> tuple[bytes, ...]:
        """The first half of the writes, at least one."""
        return self.body[: max(1, len(self.body) // 2)]

    def half_of_chunks(self) -> tuple[Chunk, ...]:
        """The first half of the turn, at least one chunk, and no word of an end."""
        chunks = self.turn.chunks
        kept = chunks[: max(1, len(chunks) // 2)]
        return tuple(replace(chunk, finish_reason=None, finish_message=None) for chunk in kept)


# --- damage to the bytes ---------------------------------------------------------------------------------


def all_in_first(body: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return (b"".join(body),)


def truncated_json(answer: Answered) -> Exchange:
    *before, last = answer.half()
    return answer.sending((*before, last[: len(last) * 2 // 3]))


def split_line_ends(answer: Answered) -> Exchange:
    """Every write ends between the two characters of a line end."""
    parts = b"".join(answer.body).split(b"\r")
    return answer.sending((*(part + b"\r" for part in parts[:-1]), parts[-1]))


def byte_by_byte(answer: Answered) -> Exchange:
    body = b"".join(answer.body)
    return answer.sending(tuple(body[index : index + 1] for index in range(len(body))))


def compressed(answer: Answered) -> Exchange:
    compressor = zlib.compressobj(wbits=31)
    body = [compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH) for piece in answer.body]
    exchange = answer.sending((*body, compressor.flush()))
    return replace(exchange, headers={**exchange.headers, "Content-Encoding": "gzip"})


def mislabelled(answer: Answered) -> Exchange:
    return replace(answer.exchange(), headers={"Content-Type": "text/html; charset=UTF-8"})


def garbage(answer: Answered) -> Exchange:
    noise = hashlib.shake_256(answer.turn.response_id.encode()).digest(4096)
    return replace(answer.sending((noise[:1024], noise[1024:])), headers=SSE_HEADERS)


def slow_first(answer: Answered) -> Exchange:
    (_, first), *others = answer.exchange().pieces
    delayed = (answer.pace.seconds_of_slow_first, first)
    return replace(answer.exchange(), pieces=(delayed, *others))


def without_final_blank(answer: Answered) -> Exchange:
    *before, last = answer.body
    return answer.sending((*before, last.rstrip(b"\r\n")))


# --- errors inside a 200 ---------------------------------------------------------------------------------


def framed_error(answer: Answered, status: Status) -> bytes:
    return event(status.to_json()) if answer.framing is Framing.SSE else pretty(status.to_json())


def error_after_half(
    write: Callable[[Answered], bytes],
) -> Callable[[Answered], Exchange]:
    """Half of the answer, without a finish reason, and then the error."""

    def damage(answer: Answered) -> Exchange:
        kept = replace(answer, turn=replace(answer.turn, chunks=answer.half_of_chunks()))
        return answer.sending((*kept.body, write(answer)))

    return damage


# --- damage to the turn ----------------------------------------------------------------------------------


def one_chunk(chunk: Chunk) -> Callable[[Answered], Exchange]:
    return lambda answer: answer.telling(replace(chunk, usage=unspent(answer.usage)))


def unspent(usage: Usage | None) -> Usage | None:
    return replace(usage, candidates=None, thoughts=0) if usage else None


def truncated(answer: Answered) -> Exchange:
    chunks = [replace(chunk, finish_reason=None, finish_message=None) for chunk in answer.turn.chunks]
    return answer.telling(*(chunks[:-1] or chunks))


def blocked_half_way(answer: Answered) -> Exchange:
    blocked = Chunk(usage=answer.usage, finish_reason="SAFETY", withheld=True)
    return answer.telling(*answer.half_of_chunks(), blocked)


def starved(answer: Answered) -> Exchange:
    usage = replace(answer.usage or Usage(), candidates=None, thoughts=2)
    return answer.telling(Chunk(None, usage, "MAX_TOKENS"))


def with_text(text: str) -> Callable[[Answered], Exchange]:
    """The whole turn as one text."""
    return lambda answer: answer.telling(Chunk((Text(text),), answer.usage, "STOP"))


def with_separators(answer: Answered) -> Exchange:
    """Line separators that are none in SSE, between the words of the answer."""
    separators = ("\u2028", "\u2029", "\x85")

    def separated(part: Part, index: int) -> Part:
        separator = separators[index % len(separators)]
        return replace(part, text=part.text + separator) if isinstance(part, Text) else part

    chunks = (
        replace(chunk, parts=tuple(separated(part, index) for part in chunk.parts or ()))
        for index, chunk in enumerate(answer.turn.chunks)
    )
    return answer.telling(*chunks)


def continued(answer: Answered) -> Exchange:
    """Each hop has half of what is left, down to two chunks. There are two hops at least."""
    if answer.behind and len(answer.turn.chunks) <= 2:
        return answer.exchange()
    *before, last = answer.half_of_chunks()
    token = continuation_token(answer.behind + len(before) + 1)
    return answer.telling(*before, replace(last, finish_reason="CONTINUATION", continuation_token=token))


def cut_behind_checkpoint(answer: Answered) -> Exchange:
    if answer.behind:
        return answer.exchange()
    checked = (
        replace(chunk, continuation_token=continuation_token(count))
        for count, chunk in enumerate(answer.half_of_chunks(), start=1)
    )
    return replace(answer.telling(*checked), reset=True)


def cut_past_checkpoint(answer: Answered) -> Exchange:
    """The first chunk has a token, and what follows has none."""
    first, *others = answer.turn.chunks[:-1] or answer.turn.chunks
    checked = replace(first, finish_reason=None, continuation_token=continuation_token(1))
    return replace(answer.telling(checked, *others), reset=True)


def finished_twice(answer: Answered) -> Exchange:
    last = answer.turn.chunks[-1]
    return answer.telling(*answer.turn.chunks, replace(last, parts=(Text(""),)))


def usage_last(answer: Answered) -> Exchange:
    *before, last = answer.turn.chunks
    return answer.telling(*(replace(chunk, traffic_only=True) for chunk in before), last)


def with_credits(answer: Answered) -> Exchange:
    """Behind the first event."""
    if answer.framing is not Framing.SSE:
        return answer.exchange()
    credit: Json = {"creditType": "GOOGLE_ONE_AI", "creditAmount": "997"}
    first, *others = answer.body
    return answer.sending(
        (first, event({"traceId": answer.turn.trace_id, "remainingCredits": [credit]}), *others)
    )
