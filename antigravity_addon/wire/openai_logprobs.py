"""How likely the tokens of an answer were, as OpenAI's dialects write it.

Source: OpenAI's OpenAPI description, November 2026.
"""

from .base import Outbound


class TopLogprob(Outbound):
    token: str
    logprob: float
    bytes: tuple[int, ...]
    """The token in UTF-8."""


class TokenLogprob(TopLogprob):
    top_logprobs: tuple[TopLogprob, ...]
