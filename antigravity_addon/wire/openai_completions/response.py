"""Legacy Completions: the answer. Whole and streamed share one shape; a chunk's finish reason is `null` until
the last, as OpenAI sends it, though its description forbids that.
"""

from typing import Literal

from pydantic import TypeAdapter

from antigravity_addon.wire.base import Outbound
from antigravity_addon.wire.openai_chat.response import CompletionUsage

type FinishReason = Literal["stop", "length", "content_filter"]


class Choice(Outbound):
    text: str
    index: int
    logprobs: None
    finish_reason: FinishReason | None


class Completion(Outbound):
    id: str
    object: Literal["text_completion"]
    created: int
    """Unix time in seconds."""
    model: str
    """As the client called it."""
    choices: tuple[Choice, ...]
    system_fingerprint: None
    usage: CompletionUsage | None = None
    """Absent on chunks unless the client asked for usage; then `null` on all but the last."""

    def to_json(self) -> bytes:
        return _COMPLETION.dump_json(self, exclude_unset=True)


_COMPLETION = TypeAdapter(Completion)
