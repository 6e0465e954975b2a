"""The view `Gateway: why`: what an exchange waited for, and what came of it."""

import time
from typing import TYPE_CHECKING

from mitmproxy import http
from mitmproxy.contentviews import Contentview, Metadata

from antigravity_addon.mitm.annotate import METADATA_KEY

from .lines import legible
from .linked import attempt_of, client_flow_of, under_way_of
from .messages import content_of
from .priorities import ABOVE_ALL, NEVER, WHEN_CHOSEN

if TYPE_CHECKING:
    from .texts import Scene

_BEFORE_ERRORS = ABOVE_ALL + 1


class WhyContentview(Contentview):
    @property
    def name(self) -> str:
        return "Gateway: why"

    def prettify(self, data: bytes, metadata: Metadata) -> str:  # noqa: ARG002  the flow has what is needed
        flow = _client_flow(metadata)
        if flow is None:
            return "This is the view of a request to a model; nothing is known of this one, or its client's is gone."
        from . import texts  # noqa: PLC0415  see its head

        return legible(texts.why_text(flow.metadata[METADATA_KEY], _scene(flow)))

    def render_priority(self, data: bytes, metadata: Metadata) -> float:  # noqa: ARG002
        flow = _client_flow(metadata)
        if flow is None:
            return NEVER
        response = flow.response
        is_error = response is not None and response.status_code >= 400
        return _BEFORE_ERRORS if is_error and metadata.http_message is response else WHEN_CHOSEN


def _client_flow(metadata: Metadata) -> http.HTTPFlow | None:
    """Also of an attempt's flow, as long as it is in the list."""
    flow = metadata.flow
    if flow is None:
        return None
    attempt = attempt_of(flow)
    client = flow if attempt is None else client_flow_of(attempt)
    return client if isinstance(client, http.HTTPFlow) and METADATA_KEY in client.metadata else None


def _scene(flow: http.HTTPFlow) -> "Scene":
    from . import texts  # noqa: PLC0415  see its head

    now = time.time()  # noqa: TID251  mitmproxy's own clock for flows
    return texts.Scene(
        flow.id,
        flow.request.path.partition("?")[0],
        content_of(flow.response) if flow.response is not None else b"",
        _seconds_since_arrival(flow, now),
        _seconds_of_silence(flow, now),
    )


def _seconds_since_arrival(flow: http.HTTPFlow, now: float) -> float | None:
    """While it goes on. The gateway counts from the end of the request."""
    if not flow.live:
        return None
    return now - (flow.request.timestamp_end or flow.request.timestamp_start)


def _seconds_of_silence(flow: http.HTTPFlow, now: float) -> float | None:
    heard = [at for each in under_way_of(flow) if (at := each.heard_at) is not None]
    return now - max(heard) if heard else None
