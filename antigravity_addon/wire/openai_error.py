"""OpenAI's error object: the body of every error answer, and the frame that ends a broken stream."""

from pydantic import Field

from .base import Outbound, is_none


class ErrorObject(Outbound):
    """Clients expect all four of the first fields, `null` or not."""

    message: str
    type: str
    param: str | None
    code: str | None
    upstream_status: int | None = Field(default=None, exclude_if=is_none)
    """Ours: the status of the upstream's answer, or the one inside its stream. Absent if there was none."""


class ErrorResponse(Outbound):
    error: ErrorObject

    def to_json(self) -> bytes:
        return self.model_dump_json().encode()
