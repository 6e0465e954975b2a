"""What our content views are asked about: flows in which something is said to a model, or by it."""

from mitmproxy import http
from mitmproxy.contentviews import Metadata

from antigravity_addon.views.dialect import dialect_of


def request_in(metadata: Metadata) -> http.HTTPFlow | None:
    """The flow, if it is its request that is looked at and asks a model something."""
    flow = metadata.flow
    if isinstance(flow, http.HTTPFlow) and isinstance(metadata.http_message, http.Request):
        return flow if dialect_of(flow.request.path) is not None else None
    return None


def answer_in(metadata: Metadata) -> http.HTTPFlow | None:
    """The flow, if it is its response that is looked at and answers such a request."""
    flow = metadata.flow
    if isinstance(flow, http.HTTPFlow) and isinstance(metadata.http_message, http.Response):
        return flow if dialect_of(flow.request.path) is not None else None
    return None


def content_of(message: http.Message) -> bytes:
    """The body, as far as its content encoding can be undone; empty if it was not kept."""
    return message.get_content(strict=False) or b""


def content_type_of(message: http.Message) -> str:
    return message.headers.get("content-type", "")
