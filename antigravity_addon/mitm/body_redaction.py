"""Flows that keep no prompt and no answer, under `gateway_redact_bodies`.

A body is there for as long as it is at work: a client's request until its exchange begins, an upstream request until it
is sent, so an operator can still pause and edit both. Then it is redacted, and an answer never gets into its flow
otherwise. mitmproxy's `response` and `error` hooks, in which flows are saved and printed, see nothing else; what goes to
clients and upstreams is never touched.
"""

from weakref import WeakSet

from mitmproxy import ctx, http
from mitmproxy.flow import Flow

from antigravity_addon.views.redacted import redacted_body

REDACTED_KEY = "gateway_redacted"
"""Under which a flow says which of its bodies were redacted, and how many bytes each had."""

# Kept here as answers are, beyond a reload of addon.py.
_open: WeakSet[http.HTTPFlow] = WeakSet()
"""Flows that may still hold a body as it was sent."""


def redacts_bodies() -> bool:
    return bool(ctx.options.gateway_redact_bodies)


def is_redacted(flow: Flow) -> bool:
    return REDACTED_KEY in flow.metadata


def has_lost_its_question(flow: Flow) -> bool:
    """There was a request's body, and it was redacted."""
    return flow.metadata.get(REDACTED_KEY, {}).get("request", 0) > 0


def will_be_redacted(flow: http.HTTPFlow) -> None:
    """At the latest when the process ends: mitmproxy saves the flows that are under way then."""
    _open.add(flow)


def redact_all() -> None:
    for flow in tuple(_open):
        redact_request(flow)
        redact_response(flow)


def redact_request(flow: http.HTTPFlow) -> None:
    _redact(flow, flow.request, "request")


def redact_response(flow: http.HTTPFlow) -> None:
    if flow.response is not None:
        _redact(flow, flow.response, "response")
    _open.discard(flow)


def _redact(flow: http.HTTPFlow, message: http.Message, part: str) -> None:
    sizes = flow.metadata.setdefault(REDACTED_KEY, {})
    # what cannot be decoded cannot be read either, and is replaced whole
    body = message.get_content(strict=False) or b""
    redacted = redacted_body(body, message.headers.get("content-type", ""))
    if redacted == body:
        return  # a second time
    sizes[part] = len(message.raw_content or b"")
    message.content = redacted
    # what it was before it was edited, which mitmproxy would save with it
    flow._backup = None  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
