"""Flows beside the one that is looked at: the turn before, the first answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from mitmproxy import http

from antigravity_addon.mitm.annotate import ATTEMPT_KEY
from antigravity_addon.views.dialect import Dialect, dialect_of

from .flow_list import all_flows, flow_by_id
from .messages import content_of, content_type_of

if TYPE_CHECKING:
    from antigravity_addon.views.turns import Outline

_MOST_FLOWS = 300
_MOST_BYTES = 64_000_000
"""Of requests that are read for the first time, in one search."""
_EDGE = 4096
"""Bytes at the beginning and the end of an answer in which its id is looked for."""


@dataclass(frozen=True, slots=True)
class _Outlined:
    body: bytes | None
    """Whose outline it is: people edit flows."""
    outline: "Outline"


_outlines: WeakKeyDictionary[http.HTTPFlow, _Outlined] = WeakKeyDictionary()


def repeated_by(flow: http.HTTPFlow) -> http.HTTPFlow | None:
    """The flow that this one replays. `None`: it is no replay, or that is gone."""
    match flow.metadata.get("gateway_replay"):
        case {"of": str(flow_id)}:
            return flow_by_id(flow_id)
        case _:
            return None


def turn_before(flow: http.HTTPFlow) -> http.HTTPFlow | None:
    """The flow that this one's conversation goes on from: the one whose answer it names, else the one that has the most
    leading messages in common with it, and of several the latest.
    """
    outline = _outline(flow)
    best, most = None, 0
    for earlier in _earlier(flow):
        if outline.goes_on_from and outline.goes_on_from.encode() in _ends_of_answer(earlier):
            return earlier
        if (shared := _outline(earlier).shared_with(outline)) > most:
            best, most = earlier, shared
    return best


def _earlier(flow: http.HTTPFlow) -> Iterator[http.HTTPFlow]:
    """Flows of the same kind that came before, latest first, as many as may be looked at."""
    flows = all_flows()
    place = next((place for place, each in enumerate(flows) if each is flow), len(flows))
    room = _MOST_BYTES
    for other in islice(reversed(flows[:place]), _MOST_FLOWS):
        if not isinstance(other, http.HTTPFlow) or _kind(other) != _kind(flow):
            continue
        if other.request.raw_content == flow.request.raw_content:
            continue  # the same request again, which no turn lies between
        if not _is_outlined(other):
            room -= len(other.request.raw_content or b"")
        if room < 0:
            return
        yield other


def _kind(flow: http.HTTPFlow) -> tuple[Dialect | None, bool]:
    """Clients' flows are compared with clients', attempts with attempts."""
    return dialect_of(flow.request.path), ATTEMPT_KEY in flow.metadata


def _outline(flow: http.HTTPFlow) -> "Outline":
    if not _is_outlined(flow):
        from . import texts  # noqa: PLC0415  see its head

        request = flow.request
        outline = texts.outline_of(request.path, content_of(request), content_type_of(request))
        _outlines[flow] = _Outlined(request.raw_content, outline)
    return _outlines[flow].outline


def _is_outlined(flow: http.HTTPFlow) -> bool:
    known = _outlines.get(flow)
    return known is not None and known.body is flow.request.raw_content


def _ends_of_answer(flow: http.HTTPFlow) -> bytes:
    if flow.response is None:
        return b""
    answer = content_of(flow.response)
    return answer[:_EDGE] + b"\n" + answer[-_EDGE:]
