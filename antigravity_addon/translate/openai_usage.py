"""Tokens of a turn, as OpenAI's Chat Completions and Completions write them."""

from antigravity_addon.wire.openai_chat.response import (
    CompletionTokensDetails,
    CompletionUsage,
    PromptTokensDetails,
)

from .events import Usage


def to_completion_usage(usage: Usage) -> CompletionUsage:
    return CompletionUsage(
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=usage.cached_tokens),
        completion_tokens_details=CompletionTokensDetails(reasoning_tokens=usage.reasoning_tokens),
    )
