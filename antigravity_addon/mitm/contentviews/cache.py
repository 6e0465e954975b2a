"""The view `Gateway: cache`: why the upstream's cache of prompts knew a prompt, or did not."""

from typing import TYPE_CHECKING

from mitmproxy import http
from mitmproxy.contentviews import Contentview, Metadata

from .lines import legible
from .linked import AttemptFlow, attempt_of, attempts_of, client_note, previous_of
from .messages import content_of
from .priorities import NEVER, WHEN_CHOSEN

if TYPE_CHECKING:
    from .texts import Attempt


class CacheContentview(Contentview):
    @property
    def name(self) -> str:
        return "Gateway: cache"

    def prettify(self, data: bytes, metadata: Metadata) -> str:  # noqa: ARG002  the flow has what is needed
        return legible(_text(metadata))

    def render_priority(self, data: bytes, metadata: Metadata) -> float:  # noqa: ARG002
        flow, message = metadata.flow, metadata.http_message
        if not isinstance(flow, http.HTTPFlow) or message is not flow.response:
            return NEVER
        if attempt_of(flow) is not None or client_note(flow) is not None:
            return WHEN_CHOSEN
        return NEVER


_NOTHING = "No answered request to Gemini belongs to this in the list, so no cache was asked.\n"


def _text(metadata: Metadata) -> str:
    flow = metadata.flow
    if not isinstance(flow, http.HTTPFlow):
        return _NOTHING
    attempt = attempt_of(flow)
    if attempt is not None:
        return _shown(attempt)
    answered = tuple(each for each in attempts_of(flow) if each.is_answered)
    if not answered:
        return _NOTHING
    if len(answered) == 1:
        return _shown(answered[0])
    return "\n".join(f"{_heading(each)}\n{_shown(each)}" for each in answered)


def _heading(attempt: AttemptFlow) -> str:
    return f"Choice {attempt.note.choice + 1}, request {attempt.note.hop}:"


def _shown(attempt: AttemptFlow) -> str:
    response = attempt.flow.response
    if response is None or not attempt.is_answered:
        return _NOTHING
    from . import texts  # noqa: PLC0415  see its head

    before = previous_of(attempt)
    explained = texts.explain(
        _asked(attempt), before and _asked(before), texts.tokens_in(content_of(response))
    )
    text = texts.cache_text(explained)
    if before is not None:
        text += f"\nThe request before: #/flows/{before.flow.id}/request\n"
    return text


def _asked(attempt: AttemptFlow) -> "Attempt":
    from . import texts  # noqa: PLC0415  see its head

    return texts.Attempt(
        body=content_of(attempt.flow.request),
        account=attempt.note.account,
        model=attempt.note.model,
        started=attempt.flow.request.timestamp_start,
    )
