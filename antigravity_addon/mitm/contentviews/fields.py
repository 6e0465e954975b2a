"""The view `Gateway: fields`: what became of each field of a client's request."""

from collections.abc import Mapping

from mitmproxy import http
from mitmproxy.contentviews import Contentview, Metadata

from antigravity_addon.errors import GatewayError
from antigravity_addon.gateway.routes import Endpoint, find_route
from antigravity_addon.views import translations
from antigravity_addon.views.translations import Translation

from .lines import legible
from .linked import AttemptFlow, attempt_of, attempts_of, client_flow_of, client_note
from .messages import content_of
from .priorities import NEVER, WHEN_CHOSEN

TRANSLATIONS: Mapping[Endpoint, Translation] = {
    Endpoint.CHAT_COMPLETIONS: translations.CHAT,
    Endpoint.COMPLETIONS: translations.COMPLETIONS,
    Endpoint.RESPONSES: translations.RESPONSES,
    Endpoint.COMPACT: translations.COMPACT,
    Endpoint.IMAGES: translations.IMAGES,
}
"""Those whose requests are JSON."""


class FieldsContentview(Contentview):
    @property
    def name(self) -> str:
        return "Gateway: fields"

    def prettify(self, data: bytes, metadata: Metadata) -> str:  # noqa: ARG002  the flow has what is needed
        return legible(_text(metadata))

    def render_priority(self, data: bytes, metadata: Metadata) -> float:  # noqa: ARG002
        flow, message = metadata.flow, metadata.http_message
        if not isinstance(flow, http.HTTPFlow) or message is not flow.request:
            return NEVER
        if attempt_of(flow) is not None or (client_note(flow) is not None and _translation(flow) is not None):
            return WHEN_CHOSEN
        return NEVER


_NOTHING = (
    "This view shows what became of a client's request for chat completions, completions, responses or images. "
    "This is none.\n"
)


def _text(metadata: Metadata) -> str:
    flow = metadata.flow
    if not isinstance(flow, http.HTTPFlow):
        return _NOTHING
    attempt = attempt_of(flow)
    client = flow if attempt is None else client_flow_of(attempt)
    if client is None:
        return "The client's request that this was sent for is not in the list any more.\n"
    return _shown(client, attempt or _last_answered(client))


def _shown(client: http.HTTPFlow, attempt: AttemptFlow | None) -> str:
    translation = _translation(client)
    if translation is None:
        return _NOTHING
    note = client_note(client)
    model = (attempt.note.model if attempt else "") or (note.model if note else "")
    if not model:
        return "No Gemini model was found for this request, so nothing became of its fields.\n"
    from . import texts  # noqa: PLC0415  see its head

    fields = texts.fields_of(
        translation,
        content_of(client.request),
        model,
        sent=content_of(attempt.flow.request) if attempt else None,
        choice=attempt.note.choice if attempt else 0,
    )
    return texts.fields_text(fields)


def _last_answered(client: http.HTTPFlow) -> AttemptFlow | None:
    """Of several choices the first one; else whatever was tried last."""
    attempts = tuple(each for each in attempts_of(client) if each.note.choice == 0)
    return next((each for each in reversed(attempts) if each.is_answered), attempts[-1] if attempts else None)


def _translation(flow: http.HTTPFlow) -> Translation | None:
    try:
        route = find_route(flow.request.method, flow.request.path)
    except GatewayError:
        return None
    return TRANSLATIONS.get(route.endpoint)
