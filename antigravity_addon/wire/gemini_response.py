"""Gemini's `generateContent`, version v1beta: the response as it comes, whole or chunk by chunk.

Source: `google-genai` 3.4.0 and recorded responses, November 2026. Whatever else there is in one is passed over.

Read by msgspec, and not by pydantic as all other JSON: a stream has thousands of chunks, each of which takes 0.9
microseconds instead of 3.4, and that was a twentieth of the gateway's time.
"""

from collections.abc import Iterator
from json import JSONEncoder
from typing import Any

from msgspec import MsgspecError, Struct, convert
from msgspec.json import Decoder
from pydantic_core import from_json

from .base import Json


class _Answer(Struct, frozen=True, rename="camel", gc=False):
    """Trees of JSON, in which the garbage collector has nothing to look for."""


class InboundBlob(_Answer, frozen=True):
    mime_type: str = "application/octet-stream"
    data: str = ""


class InboundFunctionCall(_Answer, frozen=True):
    name: str | None = None
    """Absent in the parts that continue a streamed call, which we never ask for."""
    args: dict[str, Any] | None = None
    id: str | None = None
    will_continue: bool = False
    """The arguments follow piece by piece."""


class InboundPart(_Answer, frozen=True):
    """Everything else a part can hold (executed code, server-side tools) is not ours to show."""

    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None
    inline_data: InboundBlob | None = None
    function_call: InboundFunctionCall | None = None


class InboundContent(_Answer, frozen=True):
    """May be `{}`, may lack parts."""

    parts: tuple[InboundPart, ...] | None = None


class WebPage(_Answer, frozen=True):
    uri: str | None = None
    title: str | None = None
    domain: str | None = None


class GroundingChunk(_Answer, frozen=True):
    """A source. Those that are no page of the web are not ours to show."""

    web: WebPage | None = None


class Segment(_Answer, frozen=True):
    """A piece of the answer, by UTF-8 bytes of its text.

    `partIndex` is not read: recorded answers lack it even where another part stands before the text.
    """

    start_index: int | None = None
    """Absent for 0."""
    end_index: int | None = None


class GroundingSupport(_Answer, frozen=True):
    segment: Segment | None = None
    grounding_chunk_indices: tuple[int, ...] | None = None


class GroundingMetadata(_Answer, frozen=True):
    """May be `{}`, on every chunk or on the last one only."""

    web_search_queries: tuple[str, ...] | None = None
    grounding_chunks: tuple[GroundingChunk, ...] | None = None
    grounding_supports: tuple[GroundingSupport, ...] | None = None


class LikelyToken(_Answer, frozen=True):
    token: str | None = None
    log_probability: float | None = None
    """May be `"-Infinity"`."""


class LikelyTokens(_Answer, frozen=True):
    candidates: tuple[LikelyToken, ...] | None = None


class LogprobsResult(_Answer, frozen=True):
    """Two lists side by side, one entry for each token of the text."""

    chosen_candidates: tuple[LikelyToken, ...] | None = None
    top_candidates: tuple[LikelyTokens, ...] | None = None


class Candidate(_Answer, frozen=True):
    content: InboundContent | None = None
    finish_reason: str | None = None
    """Open enum: 24 values in November 2026, and growing."""
    finish_message: str | None = None
    continuation_token: str | None = None
    """To go on behind this chunk with, in a request of its own: because this one is at its end, or in case the
    connection drops. Gemini 4."""
    grounding_metadata: GroundingMetadata | None = None
    logprobs_result: LogprobsResult | None = None
    index: int = 0
    """Absent on Vertex and on old models."""


class PromptFeedback(_Answer, frozen=True):
    block_reason: str | None = None
    block_reason_message: str | None = None


class UsageMetadata(_Answer, frozen=True):
    """Running totals of one request, neither monotone nor complete: keep the last value of each field."""

    prompt_token_count: int | None = None
    """Includes the cached ones."""
    candidates_token_count: int | None = None
    """Excludes thoughts."""
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    total_token_count: int | None = None


class GenerateContentResponse(_Answer, frozen=True):
    """One whole answer, or one chunk of a stream."""

    candidates: tuple[Candidate, ...] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageMetadata | None = None
    response_id: str | None = None


class _OrError(GenerateContentResponse, frozen=True):
    error: Any = None


class StreamMessage(_OrError, frozen=True):
    """One message of a 200 stream: a chunk, a chunk in Code Assist's envelope, or an error in either place."""

    response: _OrError | None = None


_DEPTH = 200
"""As far as pydantic goes, and whatever is done with a tool's arguments."""
_MESSAGE = Decoder(StreamMessage, strict=False)


def read_message(data: bytes) -> StreamMessage:
    """Numbers may be in strings, and the other way round.

    Raises: ValueError: it is no such message.
    """
    try:
        if data.count(b"{") + data.count(b"[") <= _DEPTH:
            return _MESSAGE.decode(data)
    except MsgspecError:
        pass  # a number may be none that JSON has
    document = from_json(data)
    _leave_out_wrong_counts(document)
    try:
        message = convert(document, StreamMessage, strict=False)
    except MsgspecError as error:
        raise ValueError(str(error)) from error
    for args in _arguments(message.response or message):
        _FINITE.encode(args)
    return message


def _leave_out_wrong_counts(document: Json) -> None:
    """No answer is worth less for them."""
    match document:
        case {"response": {"usageMetadata": _} as answer} | ({"usageMetadata": _} as answer):
            usage = answer["usageMetadata"]
            counts = usage if isinstance(usage, dict) else {}
            answer["usageMetadata"] = {name: count for name, count in counts.items() if _is_count(count)}
        case _:
            pass


def _is_count(value: Json) -> bool:
    try:
        convert(value, int, strict=False)
    except MsgspecError:
        return False
    return not isinstance(value, bool)


_FINITE = JSONEncoder(allow_nan=False)
"""A tool must not be called with something else where the model said what no JSON can."""


def _arguments(answer: GenerateContentResponse) -> Iterator[dict[str, Any]]:
    for candidate in answer.candidates or ():
        content = candidate.content
        for part in (content and content.parts) or ():
            if part.function_call is not None:
                yield part.function_call.args or {}
