"""What two requests of one conversation have in common, as far as their bodies tell."""

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from antigravity_addon.wire.openai_responses.request import Conversation

from .trials import request_in, values_at


class _Named(BaseModel):
    """Of a request that may be large, no more than this is read."""

    prompt_cache_key: str | None = None
    conversation: Conversation | None = None


def named_in(body: bytes) -> str:
    """What a client's request calls its conversation; empty if it does not."""
    try:
        named = _Named.model_validate_json(body)
    except ValidationError:
        return ""
    if named.prompt_cache_key:
        return f"prompt_cache_key: {named.prompt_cache_key}"
    match named.conversation:
        case None:
            return ""
        case str(conversation):
            return f"conversation: {conversation}"
        case conversation:
            return f"conversation: {conversation.id}"


def beginning_of(body: bytes) -> str:
    """The first turn of a Gemini request; empty if there is none.

    Nothing of the system instruction: that it has changed is worth to be told.
    """
    turns = values_at(request_in(body), ("contents", 0))
    return next((to_json(turn, inf_nan_mode="constants").decode() for turn in turns), "")
