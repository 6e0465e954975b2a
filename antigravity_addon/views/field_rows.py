"""What is found to have become of the fields of a request."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from .differences import Place


class Fate(Enum):
    KEPT = "kept"
    """The same value under the same name."""
    RENAMED = "renamed"
    """The same value under another name."""
    CHANGED = "CHANGED"
    """Another value."""
    BECOMES = "becomes"
    """A structure became another one."""
    NOT_SENT = "NOT SENT"
    GATEWAY = "gateway"
    """Not sent, because the gateway itself acts on it."""
    REFUSED = "REFUSED"
    UNTOLD = "untold"
    """The request as a whole is refused, so nothing of it became anything."""


@dataclass(frozen=True, slots=True)
class Landing:
    """A place in Gemini's request that a field has a say in."""

    path: str
    value: Place
    """As it was sent, if that is known. Absent: without the field, something would stand there."""
    times: int = 1
    """More than 1: `path` is the pattern of so many places, and `value` that of the first."""
    differs: bool = False
    """What was sent is not what today's translation gives."""


@dataclass(frozen=True, slots=True)
class FieldRow:
    name: str
    value: Place
    """Absent for a field that stands in many items."""
    fate: Fate
    landings: tuple[Landing, ...] = ()
    words: str = ""
    parts: tuple["FieldRow", ...] = ()

    def walk(self) -> Iterator["FieldRow"]:
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True, slots=True)
class Deviation:
    """A place, or several of one pattern, where what was sent is not what today's translation gives."""

    path: str
    today: Place
    sent: Place
    times: int


@dataclass(frozen=True, slots=True)
class Fields:
    endpoint: str
    model: str
    rows: tuple[FieldRow, ...]
    """Every field of the body once, in its order."""
    added: tuple[Landing, ...] = ()
    """What stands in Gemini's request and no field asks for."""
    refusal: str = ""
    """Why the gateway refuses the request, or refuses it today."""
    deviations: tuple[Deviation, ...] | None = ()
    """`None`: it is not known what was sent."""
    turns_ahead: int = 0
    """Turns that were sent and stand in no request: the gateway kept them."""
    is_complete: bool = True
    """Otherwise the request is so large that not every nested field was tried."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """There is nothing to compare."""

    reason: str
