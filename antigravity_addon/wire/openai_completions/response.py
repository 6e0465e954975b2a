"""Legacy Completions: the answer. Whole and streamed share one shape; a chunk's finish reason is `null` until
the last, as OpenAI sends it, though its description forbids that.
"""

from typing import Literal

from msgspec import UNSET, UnsetType

from antigravity_addon.wire.base import Outbound
from antigravity_addon.wire.openai_chat.response import CompletionUsage

type FinishReason = Literal["stop", "length", "content_filter"]


class Choice(Outbound):
    text: str
    index: int
    logprobs: None = None
    finish_reason: FinishReason | None = None


class Completion(Outbound):
    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    """Unix time in seconds."""
    model: str
    """As the client called it."""
    choices: tuple[Choice, ...] = ()
    system_fingerprint: None = None
    usage: CompletionUsage | UnsetType | None = UNSET
    """Absent on chunks unless the client asked for usage; then `null` on all but the last."""
