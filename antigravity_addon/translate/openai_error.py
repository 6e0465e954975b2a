"""A failure -> OpenAI's error object, the same in all of its dialects."""

from msgspec import UNSET

from antigravity_addon.errors import GatewayError, UpstreamFailure
from antigravity_addon.wire.base import absent
from antigravity_addon.wire.openai_error import ErrorObject, ErrorResponse


def to_openai_error(error: GatewayError) -> ErrorResponse:
    return ErrorResponse(
        error=ErrorObject(
            message=error.message,
            type=error.kind,
            param=error.param,
            code=error.code,
            upstream_status=absent(error.upstream_status) if isinstance(error, UpstreamFailure) else UNSET,
        )
    )
