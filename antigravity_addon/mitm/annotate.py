"""What people see of an exchange in mitmweb's list, and what is kept out of it."""

from mitmproxy import http

from antigravity_addon.gateway.clients import KEY_HEADERS
from antigravity_addon.gateway.trace import Trace

METADATA_KEY = "gateway"
REDACTED = "[redacted]"


def annotate(flow: http.HTTPFlow, trace: Trace) -> None:
    """The comment column, and the same facts as plain data for filters and scripts."""
    if not trace.model_asked:
        return  # a list of models or a health check needs no comment
    flow.comment = trace.summary()
    flow.metadata[METADATA_KEY] = trace.to_metadata()


def redact_keys(flow: http.HTTPFlow) -> None:
    """Client keys stay out of screens, saved flows and logs. The scheme stays, to show how a key was sent."""
    for name in KEY_HEADERS:
        if name in flow.request.headers:
            scheme, space, _ = flow.request.headers[name].strip().partition(" ")
            flow.request.headers[name] = f"{scheme}{space}{REDACTED}" if space else REDACTED
    for name in ("key", "api_key"):
        if name in flow.request.query:
            flow.request.query[name] = REDACTED
