"""A request, as a conversation: who said what, with which tools on offer and under which settings."""

from dataclasses import dataclass

from antigravity_addon.wire.base import Json, JsonObject

from .parts import Part


@dataclass(frozen=True, slots=True)
class Message:
    role: str
    """In the dialect's own word: `system`, `user`, `assistant`, `model`, `tool`, …"""
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    kind: str = ""
    """Empty for a function."""
    description: str = ""
    details: Json = None
    """Its parameters, mostly a schema."""


@dataclass(frozen=True, slots=True)
class Setting:
    name: str
    value: Json


@dataclass(frozen=True, slots=True)
class Conversation:
    model: str = ""
    messages: tuple[Message, ...] = ()
    """Each for one item of the request; what stands in fields of its own (`instructions`) comes first."""
    tools: tuple[Tool, ...] = ()
    settings: tuple[Setting, ...] = ()
    """All other fields, in their order."""
    goes_on_from: str = ""
    """The id of what the gateway keeps of the conversation so far: the messages are not all of it."""
    problem: str = ""
    """A sentence: why this is not the whole request."""
    raw: str = ""
    """The body, where nothing could be read of it."""


def settings_of(fields: JsonObject) -> tuple[Setting, ...]:
    return tuple(Setting(name, value) for name, value in fields.items())
