"""What people see of an exchange in mitmweb's list, and what is kept out of it."""

from mitmproxy import http

from antigravity_addon.gateway.clients import KEY_HEADERS
from antigravity_addon.gateway.trace import Trace

METADATA_KEY = "gateway"
REDACTED = "[redacted]"

_KEY_HEADERS = frozenset(name.encode() for name in KEY_HEADERS)
_KEY_PARAMETERS = ("key", "api_key")


def annotate(flow: http.HTTPFlow, trace: Trace) -> None:
    """The comment column, and the same facts as plain data for filters and scripts."""
    if not trace.model_asked:
        return  # a list of models or a health check needs no comment
    flow.comment = trace.summary()
    flow.metadata[METADATA_KEY] = trace.to_metadata()


def redact_keys(flow: http.HTTPFlow) -> None:
    """Client keys stay out of screens, saved flows and logs. The scheme stays, to show how a key was sent."""
    request = flow.request
    request.headers.fields = tuple(
        (name, _redacted(value) if name.lower() in _KEY_HEADERS else value)
        for name, value in request.headers.fields
    )
    if "?" in request.path:
        for name in _KEY_PARAMETERS:
            if name in request.query:
                request.query[name] = REDACTED


def _redacted(value: bytes) -> bytes:
    scheme, space, _ = value.strip().partition(b" ")
    return scheme + space + REDACTED.encode() if space else REDACTED.encode()
