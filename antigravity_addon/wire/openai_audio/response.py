"""Transcriptions and translations: the answers, and the events of a stream.

Source: OpenAI's OpenAPI description, November 2026.
"""

from typing import Literal

from antigravity_addon.wire.base import Outbound


class TokensUsage(Outbound):
    type: Literal["tokens"] = "tokens"
    input_tokens: int
    output_tokens: int
    total_tokens: int


class Transcription(Outbound):
    text: str
    usage: TokensUsage


class Translation(Outbound):
    text: str


class TextDelta(Outbound):
    type: Literal["transcript.text.delta"] = "transcript.text.delta"
    delta: str


class TextDone(Outbound):
    """The last event."""

    type: Literal["transcript.text.done"] = "transcript.text.done"
    text: str
    usage: TokensUsage
