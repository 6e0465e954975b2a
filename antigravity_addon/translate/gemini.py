"""Gemini response chunks -> turn events.

What Gemini does that its documentation says little about: it finishes tool calls with STOP, sends one parallel call
per chunk or several, blocks a prompt with a 200 that has no candidates, ends a turn with any of two dozen
reasons, a number that grows, and counts the text that a source stands for in bytes.
"""

from collections.abc import Iterable, Iterator
from copy import replace
from dataclasses import dataclass
from itertools import islice
from math import isfinite

from antigravity_addon.errors import EmptyAnswer, MalformedToolCall, MissingThoughtSignature, StreamTruncated
from antigravity_addon.wire.gemini_response import (
    Candidate,
    GenerateContentResponse,
    GroundingMetadata,
    GroundingSupport,
    InboundFunctionCall,
    InboundPart,
    LikelyToken,
    LogprobsResult,
    PromptFeedback,
    UsageMetadata,
    WebPage,
)

from .events import (
    Citation,
    Cited,
    Finished,
    FinishReason,
    Image,
    Logprobs,
    ReasoningDelta,
    Searched,
    TextDelta,
    TokenLogprob,
    ToolCall,
    TurnEvent,
    Usage,
)

_CONTINUATION = "CONTINUATION"
"""The answer goes on in another request."""
_CUT_SHORT = frozenset({"MAX_TOKENS", _CONTINUATION})
_WITHHELD = frozenset({
    "BLOCKLIST",
    "ESCALATION",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "IMAGE_SAFETY",
    "LANGUAGE",
    "MODEL_ARMOR",
    "PROHIBITED_CONTENT",
    "PUP_LIMITED_DISABLED",
    "RECITATION",
    "SAFETY",
    "SPII",
})  # fmt: skip
_UNSIGNED = "MISSING_THOUGHT_SIGNATURE"
_BROKEN_CALL = frozenset({
    "MALFORMED_FUNCTION_CALL",
    "MALFORMED_RESPONSE",
    "TOO_MANY_TOOL_CALLS",
    "UNEXPECTED_TOOL_CALL",
})  # fmt: skip
_UNSAID = (None, "", "FINISH_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED")


class GeminiTurn:
    """The chunks of one answer, folded into events; an answer that came whole is one chunk.

    It needs state because a chunk does not explain itself: the finish reason says STOP and the calls before it say
    what that means, usage comes in pieces of which the last value of each counts, and it may still come after
    the finish reason; citations refer to all text there is. So `Finished` is for `finish` to give.

    A long answer comes in hops, each a request of its own: while there is a `continuation`, or after a dropped
    connection a `checkpoint`, call `next_hop` and feed what the same request with that token gives.
    """

    def __init__(self, *, may_be_empty: bool = False) -> None:
        """`may_be_empty`: the client gave stop sequences, and the first token may have been one."""
        self._may_be_empty = may_be_empty
        self._has_content = False
        self._has_calls = False
        self._finish: Candidate | None = None
        """The candidate with the finish reason."""
        self._block: PromptFeedback | None = None
        self._tokens = _Tokens()
        """Of this hop."""
        self._before = Usage()
        """Of the hops before."""
        self._checkpoint: str | None = None
        self._text: list[str] = []
        self._has_searched = False
        self._grounding = GroundingMetadata()

    @property
    def continuation(self) -> str | None:
        """The token with which the answer goes on. `None`: it is over, as far as Gemini lets it go."""
        if self._finish is None or self._finish.finish_reason != _CONTINUATION:
            return None
        return self._finish.continuation_token

    @property
    def checkpoint(self) -> str | None:
        """The token with which an answer goes on that was cut off here. `None`: it cannot, or has nothing to.

        A token that content came after is none: it would repeat what was passed on already.
        """
        is_over = self._block is not None or (self._finish is not None and self.continuation is None)
        return None if is_over else self._checkpoint

    def next_hop(self) -> None:
        """What is fed from here on answers another request. Its usage adds up, but for the prompt: that is the
        first hop's, since in later ones it counts the answer so far."""
        self._before = self.usage
        self._tokens = _Tokens()
        self._finish = None

    def feed(self, chunk: GenerateContentResponse) -> Iterator[TurnEvent]:
        """Raises: MalformedToolCall: the model called a tool in a way that cannot be passed on."""
        if chunk.usage_metadata is not None:
            self._tokens.update(chunk.usage_metadata)
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason not in _UNSAID:
            self._block = chunk.prompt_feedback
        for candidate in chunk.candidates or ():
            if candidate.index != 0:
                continue
            if candidate.finish_reason is not None:
                # before any part: the call that this reason condemns is in the same chunk
                self._note_end(candidate)
            if candidate.grounding_metadata is not None:
                yield from self._ground(candidate.grounding_metadata)
            for part in (candidate.content and candidate.content.parts) or ():
                for event in self._events(part):
                    self._checkpoint = None
                    yield event
            if tokens := _likelihoods(candidate.logprobs_result):
                yield Logprobs(tokens)
            # behind the parts: it stands for all that came with it
            self._checkpoint = candidate.continuation_token or self._checkpoint

    def finish(self) -> Iterator[TurnEvent]:
        """Raises: as `check`."""
        finished = self._finished()
        if citations := _citations(self._grounding, "".join(self._text)):
            yield Cited(citations)
        yield finished

    def check(self) -> None:
        """Raises:
        StreamTruncated: no finish reason came.
        EmptyAnswer: the model finished as if it had answered, but did not.
        """
        self._finished()

    def _finished(self) -> Finished:
        if self._finish is not None:
            return Finished(self._reason(self._finish), self.usage, _withheld(self._finish))
        if self._block is not None:
            return Finished(FinishReason.CONTENT_FILTER, self.usage, _blocked(self._block))
        raise StreamTruncated("The upstream's answer ended without a finish reason.")

    @property
    def usage(self) -> Usage:
        """As far as it was told; the whole of it at the end only."""
        before, hop = self._before, self._tokens.to_usage()
        # a hop that was cut off may not have told
        first = before if before.input_tokens else hop
        return Usage(
            input_tokens=first.input_tokens,
            cached_tokens=first.cached_tokens,
            output_tokens=before.output_tokens + hop.output_tokens,
            reasoning_tokens=before.reasoning_tokens + hop.reasoning_tokens,
        )

    def _note_end(self, candidate: Candidate) -> None:
        """With its reason."""
        if candidate.finish_reason not in _UNSAID:
            candidate = self._finish = _as_google_spells(candidate)
        if candidate.finish_reason == _UNSIGNED:
            raise MissingThoughtSignature(f"The model missed a thought signature ({_words(candidate)}).")
        if candidate.finish_reason in _BROKEN_CALL:
            raise MalformedToolCall(f"The model made a broken tool call ({_words(candidate)}).")

    def _ground(self, grounding: GroundingMetadata) -> Iterator[Searched]:
        if grounding != GroundingMetadata():
            self._grounding = grounding
        if grounding.web_search_queries and not self._has_searched:
            self._has_searched = True
            yield Searched(grounding.web_search_queries)

    def _events(self, part: InboundPart) -> Iterable[TurnEvent]:
        if part.function_call is None and part.inline_data is None:
            return self._said(part)
        return self._brought(part)

    def _said(self, part: InboundPart) -> tuple[TextDelta | ReasoningDelta, ...]:
        """Words, if there are any."""
        if part.thought:
            return (ReasoningDelta(part.text),) if part.text else ()
        if part.text or (part.text is not None and part.thought_signature):
            self._has_content = self._has_content or bool(part.text)
            self._text.append(part.text)
            return (TextDelta(part.text, part.thought_signature),)
        return ()

    def _brought(self, part: InboundPart) -> Iterator[TurnEvent]:
        """Of a part with a call or a file in it. Google puts nothing else there; if somebody does, no words may be lost."""
        if part.text:
            yield from self._said(replace(part, thought_signature=None))
        if part.function_call is not None:
            self._has_calls = True
            yield _to_tool_call(part.function_call, part.thought_signature)
        blob = part.inline_data
        # image models think in images, too
        if blob is not None and blob.mime_type.startswith("image/") and not part.thought:
            self._has_content = True
            yield Image(blob.mime_type, blob.data)

    def _reason(self, candidate: Candidate) -> FinishReason:
        if candidate.finish_reason in _CUT_SHORT:
            return FinishReason.LENGTH
        if candidate.finish_reason in _WITHHELD:
            return FinishReason.CONTENT_FILTER
        if self._has_calls:
            return FinishReason.TOOL_CALLS
        if self._has_content or (self._may_be_empty and candidate.finish_reason == "STOP"):
            return FinishReason.STOP
        raise EmptyAnswer(f"The upstream's answer is empty ({_words(candidate)}).")


@dataclass(slots=True)
class _Tokens:
    """The last value of each counter that had one: chunks leave some out, and no counter only grows."""

    prompt: int = 0
    tool_use: int = 0
    cached: int = 0
    candidates: int = 0
    thoughts: int = 0

    def update(self, usage: UsageMetadata) -> None:
        # no function for what each line does: most chunks come here, and five calls are half of what it takes
        if (stated := usage.prompt_token_count) is not None and stated in _COUNTS:
            self.prompt = stated
        if (stated := usage.tool_use_prompt_token_count) is not None and stated in _COUNTS:
            self.tool_use = stated
        if (stated := usage.cached_content_token_count) is not None and stated in _COUNTS:
            self.cached = stated
        if (stated := usage.candidates_token_count) is not None and stated in _COUNTS:
            self.candidates = stated
        if (stated := usage.thoughts_token_count) is not None and stated in _COUNTS:
            self.thoughts = stated

    def to_usage(self) -> Usage:
        return Usage(
            input_tokens=self.prompt + self.tool_use,
            cached_tokens=self.cached,
            output_tokens=self.candidates + self.thoughts,
            reasoning_tokens=self.thoughts,
        )


def _as_google_spells(candidate: Candidate) -> Candidate:
    """Some relays write its finish reason small, and an answer that was cut short must not pass for a whole one."""
    reason = candidate.finish_reason or ""
    return candidate if reason.isupper() else replace(candidate, finish_reason=reason.upper())


_COUNTS = range(2**31)
"""Of Google's type for them. What is outside counts nothing, and a wrong count is no reason to lose an answer."""


def _to_tool_call(call: InboundFunctionCall, signature: str | None) -> ToolCall:
    if not call.name or call.will_continue:
        raise MalformedToolCall("The upstream sent a tool call in pieces, which it was not asked to do.")
    return ToolCall(call.name, call.args or {}, call.id, signature)


# --- what the text rests on -------------------------------------------------------------------------------


def _citations(grounding: GroundingMetadata, text: str) -> tuple[Citation, ...]:
    """One for each page that a piece of the text rests on, in the order of the text.

    Indexes that lead nowhere are passed over: a source less does no harm to the answer.
    """
    pages = [chunk.web for chunk in grounding.grounding_chunks or ()]
    supports = [
        (_span(each), each.grounding_chunk_indices or ()) for each in grounding.grounding_supports or ()
    ]
    characters = _characters_before(text, (offset for span, _ in supports for offset in span))
    found = (
        Citation(characters[start], characters[end], page.uri, page.title or page.domain or page.uri)
        for (start, end), indexes in supports
        for index in indexes
        if characters[start] < characters[end] and (page := _page(pages, index)) and page.uri
    )
    first = dict.fromkeys(islice(found, _MOST_CITATIONS))
    return tuple(sorted(first, key=lambda citation: (citation.start, citation.end)))


_MOST_CITATIONS = 1000
"""Each piece of a text can rest on each page, and both can be hundreds."""


def _span(support: GroundingSupport) -> tuple[int, int]:
    """First byte, and the one behind the last. A piece without an end is none."""
    segment = support.segment
    if segment is None or segment.end_index is None:
        return 0, 0
    return max(segment.start_index or 0, 0), max(segment.end_index, 0)


def _page(pages: list[WebPage | None], index: int) -> WebPage | None:
    return pages[index] if 0 <= index < len(pages) else None


_INSIDE_OF_CHARACTERS = bytes(range(0x80, 0xC0))
"""What UTF-8 goes on with: every other byte begins a character."""


def _characters_before(text: str, offsets: Iterable[int]) -> dict[int, int]:
    """How many characters begin before each byte offset; beyond the end that is all of them."""
    encoded, last, characters = text.encode(), 0, 0
    before: dict[int, int] = {}
    for offset in sorted(set(offsets)):
        characters += len(encoded[last:offset].translate(None, _INSIDE_OF_CHARACTERS))
        before[offset], last = characters, offset
    return before


# --- how likely the text was ------------------------------------------------------------------------------

_UNLIKELY = -9999.0
"""What OpenAI says for a token that is all but impossible."""


def _likelihoods(result: LogprobsResult | None) -> tuple[TokenLogprob, ...]:
    if result is None:
        return ()
    chosen = result.chosen_candidates or ()
    tops = [each.candidates or () for each in result.top_candidates or ()]
    tops += [()] * (len(chosen) - len(tops))
    return tuple(
        TokenLogprob(token.token, _logprob(token), tuple(_alternatives(top)))
        for token, top in zip(chosen, tops, strict=False)
        if token.token is not None
    )


def _alternatives(tokens: Iterable[LikelyToken]) -> Iterator[TokenLogprob]:
    for token in tokens:
        if token.token is not None:
            yield TokenLogprob(token.token, _logprob(token))


def _logprob(token: LikelyToken) -> float:
    """Minus infinity is nothing that JSON can say."""
    known = token.log_probability
    return _UNLIKELY if known is None or not isfinite(known) else max(known, _UNLIKELY)


# --- words ------------------------------------------------------------------------------------------------


def _withheld(candidate: Candidate) -> str | None:
    if candidate.finish_reason not in _WITHHELD:
        return None
    return f"The answer was withheld ({_words(candidate)})."


def _blocked(feedback: PromptFeedback) -> str:
    return f"The prompt was blocked ({_said(feedback.block_reason, feedback.block_reason_message)})."


def _words(candidate: Candidate) -> str:
    return _said(candidate.finish_reason, candidate.finish_message)


_MOST_WORDS = 2000
"""Characters, as of errors that come in the place of an answer."""


def _said(reason: str | None, message: str | None) -> str:
    words = f"{reason}: {message}" if message else f"{reason}"
    return words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]}…"
