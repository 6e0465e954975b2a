"""Thought signatures: opaque to everybody else, recognised when they come back."""

import base64
import hashlib

_MARK = b"\x12\xd5\x02simulated thought "
_SEED = 16
_LENGTH = 320

PLACEHOLDERS = frozenset(
    base64.urlsafe_b64decode(name)
    for name in ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
)
"""What Google documents for calls that no Gemini 3 made. Both happen to be URL-safe base64."""


def sign(seed: bytes) -> bytes:
    """The same seed gives the same signature."""
    short = hashlib.sha256(seed).digest()[:_SEED]
    return _MARK + short + hashlib.shake_256(_MARK + short).digest(_LENGTH)


def is_known(signature: bytes) -> bool:
    if signature in PLACEHOLDERS:
        return True
    short = signature[len(_MARK) : len(_MARK) + _SEED]
    return signature == _MARK + short + hashlib.shake_256(_MARK + short).digest(_LENGTH)
