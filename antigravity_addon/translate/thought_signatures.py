"""Thought signatures: what Gemini hands out with a part, wants back with it, and refuses to go without.

From Gemini 3 on, in the current turn (all that follows the last content of the user without results of
calls), the first call of every step must carry one. Where it got lost, Google documents a placeholder; it costs quality, so a real
signature always goes first.
"""

import re
from collections.abc import Iterable, Sequence
from copy import replace

from antigravity_addon.wire.gemini import Content, Part

PLACEHOLDER = "skip_thought_signature_validator"
"""Documented by Google for histories that some other model wrote."""

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


def usable(signature: str | None) -> str | None:
    """The signature, unless Gemini would refuse the whole request over it as no base64 at all."""
    if signature is None or not _BASE64.fullmatch(signature):
        return None
    return None if len(signature.rstrip("=")) % 4 == 1 else signature


def with_placeholders(contents: Sequence[Content]) -> tuple[Content, ...]:
    """Placeholders where a signature is required and there is none."""
    start = max((index for index, content in enumerate(contents) if _is_asked(content)), default=0)
    return (*contents[:start], *map(_with_placeholder, contents[start:]))


def forgotten(contents: Iterable[Content]) -> tuple[Content, ...]:
    """For a second attempt, after Gemini refused the signatures it was given: all of them count as lost."""
    return with_placeholders(
        tuple(Content(parts=tuple(map(_unsigned, content.parts)), role=content.role) for content in contents)
    )


def _is_asked(content: Content) -> bool:
    """The user speaks, and not just to hand over the results of calls."""
    return content.role == "user" and not any(part.function_response for part in content.parts)


def _with_placeholder(content: Content) -> Content:
    first_call = next((i for i, part in enumerate(content.parts) if part.function_call), None)
    if first_call is None or content.parts[first_call].thought_signature:
        return content
    signed = replace(content.parts[first_call], thought_signature=PLACEHOLDER)
    parts = (*content.parts[:first_call], signed, *content.parts[first_call + 1 :])
    return Content(parts=parts, role=content.role)


def _unsigned(part: Part) -> Part:
    return replace(part, thought_signature=None) if part.thought_signature else part
