"""`encrypted_content`: what clients of the Responses API carry for us from one turn to the next, unread.

OpenAI encrypts what it puts there. Ours is only encoded: a thought signature is sealed by Google already, and the
summary of a compacted conversation is the client's own. What is not ours is another provider's, and means nothing.
"""

import base64
import binascii
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

_PREFIX = "gw1."


class Carried(BaseModel):
    """Either a thought signature or a summary."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: Literal["call", "text", "summary"]
    """What a signature belongs to: the next call or the next text of the model."""
    content: str
    """The signature, base64 as Gemini gave it; or the summary."""
    upstream_id: str | None = None
    """Gemini's own id of the call."""
    model: str | None = None
    """The Gemini model that signed: another one takes its signatures for forged."""


def encode(carried: Carried) -> str:
    return _PREFIX + base64.urlsafe_b64encode(carried.model_dump_json(exclude_none=True).encode()).decode()


def decode(text: str) -> Carried | None:
    """`None` for what is not ours, or was damaged on the way."""
    if not text.startswith(_PREFIX):
        return None
    try:
        return Carried.model_validate_json(
            base64.b64decode(text.removeprefix(_PREFIX), altchars=b"-_", validate=True)
        )
    except (binascii.Error, ValidationError, ValueError):
        return None
