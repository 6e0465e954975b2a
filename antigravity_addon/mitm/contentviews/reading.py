"""Content views for people who read along: conversation, answer, what changed, and two answers beside each other."""

from mitmproxy.contentviews import Contentview, Metadata

from . import other_flows
from .lines import legible
from .messages import answer_in, content_of, content_type_of, request_in
from .priorities import ABOVE_ALL, NEVER, WHEN_CHOSEN


class Conversation(Contentview):
    """A request, by who says what in it."""

    @property
    def name(self) -> str:
        return "Gateway: conversation"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        flow = request_in(metadata)
        if flow is None:
            return "This is the view of a request to a model; see “Gateway: answer” for what came of it."
        from . import texts  # noqa: PLC0415  see its head

        return legible(texts.conversation_text(flow.request.path, data, content_type_of(flow.request)))

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        return ABOVE_ALL if data and request_in(metadata) else NEVER


class Answer(Contentview):
    """A response, put together as its client saw it."""

    @property
    def name(self) -> str:
        return "Gateway: answer"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        flow = answer_in(metadata)
        if flow is None:
            return "This is the view of a model's answer; see “Gateway: conversation” for what it was asked."
        from . import texts  # noqa: PLC0415  see its head

        return legible(texts.answer_text(flow.request.path, data))

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        return ABOVE_ALL if data and answer_in(metadata) else NEVER


class Changes(Contentview):
    """A request, by what is new in it since the turn before."""

    @property
    def name(self) -> str:
        return "Gateway: changes"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        flow = request_in(metadata)
        if flow is None:
            return "This is the view of a request to a model."
        before = other_flows.turn_before(flow)
        if before is None:
            return "None of the flows that are listed before this one belongs to its conversation."
        from . import texts  # noqa: PLC0415  see its head

        changes = texts.changes_text(
            flow.request.path, content_of(before.request), data, content_type_of(flow.request)
        )
        return legible(f"Since the request #/flows/{before.id}/request:\n{changes}")

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        return WHEN_CHOSEN if data and request_in(metadata) else NEVER


class Compare(Contentview):
    """The answer to a replay, beside the one that was given first."""

    @property
    def name(self) -> str:
        return "Gateway: compare"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        flow = answer_in(metadata)
        if flow is None:
            return "This is the view of a replay's answer."
        first = other_flows.repeated_by(flow)
        if first is None:
            return "This flow replays none that is still listed, so there is no other answer to it."
        if first.response is None:
            return f"Flow {first.id}, which this one replays, got no answer."
        from . import texts  # noqa: PLC0415  see its head

        compared = texts.compare_text(flow.request.path, content_of(first.response), data)
        return legible(f"1: flow {first.id}\n2: its replay\n\n{compared}")

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        flow = answer_in(metadata)
        is_replay = flow is not None and "gateway_replay" in flow.metadata
        return WHEN_CHOSEN if data and is_replay else NEVER
