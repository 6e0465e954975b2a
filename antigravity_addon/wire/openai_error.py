"""OpenAI's error object: the body of every error answer, and the frame that ends a broken stream."""

from msgspec import UNSET, MsgspecError, UnsetType
from msgspec.json import Decoder

from .base import Outbound


class ErrorObject(Outbound, forbid_unknown_fields=True):
    """Clients expect all four of the first fields, `null` or not."""

    message: str
    type: str
    param: str | None
    code: str | None
    upstream_status: int | UnsetType = UNSET
    """Ours: the status of the upstream's answer, or the one inside its stream. Absent if there was none."""


class ErrorResponse(Outbound, forbid_unknown_fields=True):
    error: ErrorObject


def read_error(body: bytes) -> ErrorObject:
    """Of one of our own answers. Raises: ValueError: it is none."""
    try:
        return _ERROR.decode(body).error
    except MsgspecError as error:
        raise ValueError(str(error)) from error


_ERROR = Decoder(ErrorResponse)
