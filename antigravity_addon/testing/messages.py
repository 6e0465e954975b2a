"""What pytest and the process of the gateway tell each other: one JSON object a line."""

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """What a client asked, and what came of it so far."""

    __pydantic_config__: ClassVar = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    method: str
    path: str
    """As the client wrote it."""
    body: bytes = field(repr=False)
    status: int | None
    """`None` while it is being answered, and if the client has left before."""
    code: str
    """Of the error object that was answered; `not_recorded`, if the recording has no answer. Else empty."""
    message: str
    """Of the error object that was answered. Else empty."""

    def json(self) -> Any:  # noqa: ANN401  whatever the client has sent
        """The body. Raises: ValueError: it is no JSON."""
        return json.loads(self.body)


# --- to the gateway ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """A new gateway; the one before it ends."""

    settings: tuple[str, ...]
    """As `--set` takes them."""
    replayed: str
    """The file that it answers from; empty if it asks an upstream."""
    kind: Literal["start"] = "start"


@dataclass(frozen=True, slots=True)
class Look:
    """Say what was asked."""

    kind: Literal["look"] = "look"


@dataclass(frozen=True, slots=True)
class Stop:
    """End the gateway."""

    kind: Literal["stop"] = "stop"


type Command = Start | Look | Stop
COMMAND: TypeAdapter[Command] = TypeAdapter(Start | Look | Stop)


# --- from the gateway --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started:
    url: str
    kind: Literal["started"] = "started"


@dataclass(frozen=True, slots=True)
class Failed:
    message: str
    kind: Literal["failed"] = "failed"


@dataclass(frozen=True, slots=True)
class Seen:
    requests: tuple[AskedRequest, ...] = ()
    unasked: tuple[str, ...] = ()
    """Recorded exchanges that nobody has asked for."""
    errors: tuple[str, ...] = ()
    """That the gateway has logged."""
    kind: Literal["seen"] = "seen"


type Reply = Started | Failed | Seen
REPLY: TypeAdapter[Reply] = TypeAdapter(Started | Failed | Seen)
