"""Gemini response chunks -> turn events.

What Gemini does that its documentation says little about: it finishes tool calls with STOP, sends one parallel call
per chunk or several, blocks a prompt with a 200 that has no candidates, and ends a turn with any of two dozen
reasons, a number that grows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from antigravity_addon.errors import EmptyAnswer, MalformedToolCall, StreamTruncated
from antigravity_addon.wire.gemini import (
    Candidate,
    GenerateContentResponse,
    InboundFunctionCall,
    InboundPart,
    PromptFeedback,
    UsageMetadata,
)

from .events import Finished, FinishReason, Image, ReasoningDelta, TextDelta, ToolCall, TurnEvent, Usage

_CUT_SHORT = frozenset({
    "MAX_TOKENS",
    # the answer goes on in another request, which we do not send
    "CONTINUATION",
})  # fmt: skip
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
_BROKEN_CALL = frozenset({
    "MALFORMED_FUNCTION_CALL",
    "MALFORMED_RESPONSE",
    "MISSING_THOUGHT_SIGNATURE",
    "TOO_MANY_TOOL_CALLS",
    "UNEXPECTED_TOOL_CALL",
})  # fmt: skip
_UNSAID = (None, "", "FINISH_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED")


class GeminiTurn:
    """The chunks of one answer, folded into events; an answer that came whole is one chunk.

    It needs state because a chunk does not explain itself: the finish reason says STOP and the calls before it say
    what that means, usage comes in pieces of which the last value of each counts, and it may still come after
    the finish reason. So `Finished` is for `finish` to give.
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

    def feed(self, chunk: GenerateContentResponse) -> Iterator[TurnEvent]:
        """Raises: MalformedToolCall: the model called a tool in a way that cannot be passed on."""
        if chunk.usage_metadata is not None:
            self._tokens.update(chunk.usage_metadata)
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason not in _UNSAID:
            self._block = chunk.prompt_feedback
        for candidate in chunk.candidates or ():
            if candidate.index == 0:
                yield from self._read(candidate)

    def finish(self) -> Iterator[Finished]:
        """Raises:
        StreamTruncated: no finish reason came.
        EmptyAnswer: the model finished as if it had answered, but did not.
        """
        usage = self._tokens.to_usage()
        if self._finish is not None:
            yield Finished(self._reason(self._finish), usage, _withheld(self._finish))
        elif self._block is not None:
            yield Finished(FinishReason.CONTENT_FILTER, usage, _blocked(self._block))
        else:
            raise StreamTruncated("The upstream's answer ended without a finish reason.")

    def _read(self, candidate: Candidate) -> Iterator[TurnEvent]:
        if candidate.finish_reason not in _UNSAID:
            self._finish = candidate
        # before any part: the call that this reason condemns is in the same chunk
        if candidate.finish_reason in _BROKEN_CALL:
            raise MalformedToolCall(f"The model made a broken tool call ({_words(candidate)}).")
        parts = candidate.content.parts if candidate.content else None
        for part in parts or ():
            yield from self._events(part)

    def _events(self, part: InboundPart) -> Iterator[TurnEvent]:
        if part.function_call is not None:
            self._has_calls = True
            yield _to_tool_call(part.function_call, part.thought_signature)
        elif part.thought:
            # of thoughts only the text is for others; image models think in images, too
            if part.text:
                yield ReasoningDelta(part.text)
        elif part.inline_data is not None:
            if part.inline_data.mime_type.startswith("image/"):
                self._has_content = True
                yield Image(part.inline_data.mime_type, part.inline_data.data)
        elif part.text or (part.text is not None and part.thought_signature):
            self._has_content = self._has_content or bool(part.text)
            yield TextDelta(part.text, part.thought_signature)

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
        if usage.prompt_token_count is not None:
            self.prompt = usage.prompt_token_count
        if usage.tool_use_prompt_token_count is not None:
            self.tool_use = usage.tool_use_prompt_token_count
        if usage.cached_content_token_count is not None:
            self.cached = usage.cached_content_token_count
        if usage.candidates_token_count is not None:
            self.candidates = usage.candidates_token_count
        if usage.thoughts_token_count is not None:
            self.thoughts = usage.thoughts_token_count

    def to_usage(self) -> Usage:
        return Usage(
            input_tokens=self.prompt + self.tool_use,
            cached_tokens=self.cached,
            output_tokens=self.candidates + self.thoughts,
            reasoning_tokens=self.thoughts,
        )


def _to_tool_call(call: InboundFunctionCall, signature: str | None) -> ToolCall:
    if not call.name or call.will_continue:
        raise MalformedToolCall("The upstream sent a tool call in pieces, which it was not asked to do.")
    return ToolCall(call.name, call.args or {}, call.id, signature)


def _withheld(candidate: Candidate) -> str | None:
    if candidate.finish_reason not in _WITHHELD:
        return None
    return f"The answer was withheld ({_words(candidate)})."


def _blocked(feedback: PromptFeedback) -> str:
    message = f": {feedback.block_reason_message}" if feedback.block_reason_message else ""
    return f"The prompt was blocked ({feedback.block_reason}{message})."


def _words(candidate: Candidate) -> str:
    message = f": {candidate.finish_message}" if candidate.finish_message else ""
    return f"{candidate.finish_reason}{message}"
