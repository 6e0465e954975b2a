"""Flows that belong together: a client's, and the attempts at it."""

from collections.abc import Iterator
from dataclasses import dataclass

from mitmproxy import http
from mitmproxy.flow import Flow
from pydantic import BaseModel, ValidationError

from antigravity_addon.mitm.annotate import ATTEMPT_KEY, METADATA_KEY

from .flow_list import all_flows, flow_by_id
from .messages import content_of

_LOOK_BACK = 50
"""Attempts that are looked at for an earlier one of the same conversation."""


class _Attempted(BaseModel):
    flows: tuple[str, ...] = ()


class ClientNote(BaseModel):
    """What a client's flow says of itself."""

    model: str = ""
    conversation: tuple[str, ...] = ()
    """Names that stand for it; a later turn has one of them, too."""
    attempts: tuple[_Attempted, ...] = ()
    under_way: tuple[_Attempted, ...] = ()


class AttemptNote(BaseModel):
    """What an attempt's flow says of itself."""

    client_flow: str = ""
    choice: int = 0
    hop: int = 1
    account: str = ""
    model: str = ""
    outcome: str = ""
    """Empty if it was answered."""
    rhythm: tuple[tuple[int, int], ...] = ()
    """Of each piece of the answer, when it came, in milliseconds since the request was sent, and its size."""


@dataclass(frozen=True, slots=True)
class AttemptFlow:
    flow: http.HTTPFlow
    note: AttemptNote

    @property
    def is_answered(self) -> bool:
        return not self.note.outcome and self.flow.response is not None

    @property
    def heard_at(self) -> float | None:
        """Unix time of the last piece of its answer; `None` if none has come."""
        sent = self.flow.request.timestamp_end
        return sent + self.note.rhythm[-1][0] / 1000 if sent and self.note.rhythm else None


def client_note(flow: Flow) -> ClientNote | None:
    """`None`: it is no client's flow, or says nothing that can be read."""
    return _note(flow, METADATA_KEY, ClientNote)


def attempt_of(flow: Flow) -> AttemptFlow | None:
    """`None`: it is no attempt."""
    note = _note(flow, ATTEMPT_KEY, AttemptNote)
    return AttemptFlow(flow, note) if note is not None and isinstance(flow, http.HTTPFlow) else None


def _note[N: BaseModel](flow: Flow, key: str, kind: type[N]) -> N | None:
    try:
        return kind.model_validate(flow.metadata.get(key))
    except ValidationError:
        return None


def client_flow_of(attempt: AttemptFlow) -> http.HTTPFlow | None:
    return flow_by_id(attempt.note.client_flow)


def attempts_of(flow: http.HTTPFlow) -> tuple[AttemptFlow, ...]:
    """Those that are still in the list, in their order."""
    note = client_note(flow)
    return _listed(note.attempts) if note else ()


def under_way_of(flow: http.HTTPFlow) -> tuple[AttemptFlow, ...]:
    """Those that are not over."""
    note = client_note(flow)
    return _listed(note.under_way) if note else ()


def _listed(attempts: tuple[_Attempted, ...]) -> tuple[AttemptFlow, ...]:
    ids = (each for attempt in attempts for each in attempt.flows)
    found = (attempt_of(each) for id_ in ids if (each := flow_by_id(id_)) is not None)
    return tuple(each for each in found if each is not None)


def previous_of(attempt: AttemptFlow) -> AttemptFlow | None:
    """The last one before it that was answered and is of the same conversation: one that the gateway holds to be, or if
    the client's flow is gone, one that begins alike.
    """
    names = _conversation(attempt)
    earlier = sorted(_answered_before(attempt), key=_started, reverse=True)[:_LOOK_BACK]
    if names:
        return next((each for each in earlier if names & _conversation(each)), None)
    beginning = _beginning(attempt)
    return next((each for each in earlier if beginning and _beginning(each) == beginning), None)


def _answered_before(attempt: AttemptFlow) -> Iterator[AttemptFlow]:
    for flow in all_flows():
        other = attempt_of(flow)
        if other is not None and other.is_answered and _started(other) < _started(attempt):
            yield other


def _started(attempt: AttemptFlow) -> float:
    return attempt.flow.request.timestamp_start


def _conversation(attempt: AttemptFlow) -> frozenset[str]:
    client = client_flow_of(attempt)
    note = client_note(client) if client is not None else None
    return frozenset(note.conversation if note else ())


def _beginning(attempt: AttemptFlow) -> str:
    from . import texts  # noqa: PLC0415  see its head

    return texts.beginning_of(content_of(attempt.flow.request))
