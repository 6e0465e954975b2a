"""What the gateway wants of a client dialect: to read requests, and to write answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from antigravity_addon.errors import GatewayError
from antigravity_addon.state.memory import Memory
from antigravity_addon.translate.events import TurnEvent
from antigravity_addon.upstream.web_media import Fetched, Kinds
from antigravity_addon.wire.gemini import GenerateContentRequest


class Media(Protocol):
    """What is behind URLs."""

    async def fetch(self, url: str, *, param: str, kinds: Kinds) -> Fetched:
        """Raises: InvalidRequest: it cannot be had; names `param`."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a request may refer to that is not in it."""

    owner: str
    """Stands for the client's key: what is kept under one key is unknown under any other."""
    memory: Memory
    media: Media | None
    """`None`: nothing is fetched."""
    searches_web: bool = False
    """The model's name asks for a web search."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What an answer calls itself; the same for every attempt at it."""

    response_id: str
    """Without the dialect's prefix."""
    created: int
    """Unix time in seconds."""
    model: str
    """The name the client asked for."""
    new_id: Callable[[str], str]
    """Makes ids for what is in the answer, from their prefix. Unguessable: some come back as keys to what we keep."""
    unix_time: Callable[[], float]


class Turn(Protocol):
    """One turn of the model, as it is written for the client."""

    def feed(self, event: TurnEvent) -> bytes:
        """Bytes for the client, maybe none; whole SSE events only."""
        ...


class Answer(Protocol):
    """The answer to one request: one turn, or several for a client that asked for choices."""

    def begin(self, index: int) -> Turn:
        """Write a turn from its start; again for another attempt at it, of which the client has got nothing."""
        ...

    def finish(self) -> bytes:
        """The last bytes, after every turn was fed its `Finished`."""
        ...


class StreamedAnswer(Answer, Protocol):
    def error(self, error: GatewayError) -> bytes:
        """An error for a client that has part of the answer already; the stream ends with it."""
        ...

    def keep_alive(self) -> bytes:
        """Something for a client to hear while nothing comes."""
        ...


class Prepared(Protocol):
    """A client's request, translated for one Gemini model."""

    @property
    def bodies(self) -> tuple[GenerateContentRequest, ...]:
        """One for each turn of the answer."""
        ...

    @property
    def size(self) -> int:
        """Bytes that it was made of, all that it refers to included."""
        ...

    def streamed(self, identity: Identity) -> StreamedAnswer: ...

    def whole(self, identity: Identity) -> Answer: ...

    async def keep(self) -> None:
        """Keep what later requests will refer to. The answer is complete, and its end not yet sent."""
        ...


@dataclass(frozen=True, slots=True)
class ConversationId:
    """What a request's body calls the conversation that it belongs to."""

    kind: str
    """The parameter."""
    value: str

    @property
    def is_of_turn(self) -> bool:
        """Every turn has another one."""
        return self.kind == "previous_response_id"


def conversation_ids(**named: str | None) -> tuple[ConversationId, ...]:
    """Those that are given, in the order of the call."""
    return tuple(ConversationId(kind, value) for kind, value in named.items() if value)


@dataclass(frozen=True, slots=True)
class Call:
    """A client's request, read and found well formed."""

    model: str
    """As the client called it."""
    stream: bool
    prepare: Callable[[str, Surroundings], Awaitable[Prepared]]
    """Translates it for a Gemini model. Raises: InvalidRequest: what is asked for cannot be asked of that model."""
    content_type: str = "application/json"
    """Of a whole answer."""
    conversation: tuple[ConversationId, ...] = ()
    """The one to trust most first."""


type Dialect = Callable[[bytes, str], Call]
"""Reads a request's body, of the content type that its header states. Raises: InvalidRequest: names the parameter at
fault."""
