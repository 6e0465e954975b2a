"""A client's history, in no dialect's words, and which result belongs to which call in it.

Dialects read their clients' histories into steps; what Gemini wants of them is not their business.
"""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.wire import gemini
from antigravity_addon.wire.base import JsonObject

type Role = Literal["user", "model"]


@dataclass(frozen=True, slots=True)
class Said:
    """Text and media of one side, maybe nothing at all."""

    role: Role
    parts: tuple[gemini.Part, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """What Gemini gave out with a part, and wants back with it."""

    value: str
    """Base64."""
    upstream_id: str | None = None
    """Gemini's own id of the call, if the part was one."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool."""

    name: str
    """The client's name of the tool."""
    arguments: JsonObject
    id: str | None = None
    """The client's."""
    upstream_id: str | None = None
    """Gemini's own, if the client brought it back."""
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Called:
    """What the model called in one go."""

    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """How a result tells its call: by the id of the call, or by the name of the tool."""

    by: Literal["id", "name"]
    value: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a call."""

    call: Reference
    parts: tuple[gemini.Part, ...]
    param: str
    """Where the client wrote the reference."""
    unpaired: str
    """What the client is told if no such call waits for a result."""


type Step = Said | Called | Result


@dataclass(frozen=True, slots=True)
class Conversation:
    """All that was said and called, in order."""

    instructions: tuple[gemini.Part, ...]
    """All of them: Gemini knows them only ahead of the conversation."""
    steps: tuple[Step, ...]

    @property
    def names_called(self) -> tuple[str, ...]:
        return tuple(call.name for step in self.steps if isinstance(step, Called) for call in step.calls)


type Place = tuple[int, int]
"""A call: the index of its step, and its own in it."""


def paired(steps: tuple[Step, ...]) -> Mapping[Place, Result]:
    """Every result belongs to the nearest call before it that it refers to and that has no result yet.

    Raises: InvalidRequest: there is none.
    """
    results: dict[Place, Result] = {}
    waiting = _Waiting()
    for index, step in enumerate(steps):
        match step:
            case Said():
                pass
            case Called(calls):
                waiting.add(index, calls)
            case Result():
                place = waiting.take(step.call)
                if place is None:
                    raise InvalidRequest(step.unpaired, param=step.param)
                results[place] = step
            case _:
                assert_never(step)
    return results


class _Waiting:
    """Calls without a result so far. A call stands in two queues, and counts once."""

    def __init__(self) -> None:
        self._queues: dict[Reference, list[deque[Place]]] = defaultdict(list)
        """One queue for each step, the latest last."""
        self._taken: set[Place] = set()

    def add(self, index: int, calls: tuple[Call, ...]) -> None:
        queues: dict[Reference, deque[Place]] = defaultdict(deque)
        for number, call in enumerate(calls):
            queues[Reference("id", call.id or "")].append((index, number))
            queues[Reference("name", call.name)].append((index, number))
        for reference, queue in queues.items():
            self._queues[reference].append(queue)

    def take(self, reference: Reference) -> Place | None:
        """Of the latest step, the first call."""
        queues = self._queues[reference]
        while queues:
            while queues[-1]:
                place = queues[-1].popleft()
                if place not in self._taken:
                    self._taken.add(place)
                    return place
            queues.pop()
        return None
