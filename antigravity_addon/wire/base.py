"""The three kinds of wire model, and the type of JSON that is only carried."""

from itertools import chain, zip_longest
from typing import Annotated

from pydantic import BaseModel, ConfigDict, GetPydanticSchema, JsonValue, PlainSerializer, SerializationInfo
from pydantic.alias_generators import to_camel
from pydantic_core.core_schema import any_schema

type Json = JsonValue
"""Foreign JSON (tool arguments, tool results, schemas): never looked into, only carried."""
type JsonObject = dict[str, JsonValue]
_UNSEEN = GetPydanticSchema(lambda _source, _handler: any_schema())
type SentJson = Annotated[JsonValue, _UNSEEN]
"""The same on its way out: pydantic would ask in Python for the type of each value in it, 0.3 us each."""
type SentObject = Annotated[dict[str, JsonValue], _UNSEEN]


def is_none(value: object) -> bool:
    """For `exclude_if`: what is absent and never `null`."""
    return value is None


class Inbound(BaseModel):
    """What a peer sends us. Peers are newer than we are: unknown fields are kept and ignored."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Outbound(BaseModel):
    """What we send. Only what is written down here leaves the house."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_LONG = 64 * 1024
"""Characters."""
_PLACE = "<base64>"


def _set_aside(text: str, info: SerializationInfo[list[bytes] | None]) -> str:
    if info.context is None or len(text) < _LONG:
        return text
    info.context.append(text.encode())
    return _PLACE


type Base64 = Annotated[str, PlainSerializer(_set_aside, when_used="json")]
"""In which JSON has nothing to escape. One that is long is put in when the rest is written: to look for escapes in
megabytes of it would take the processor for too long at a time."""


class GoogleOutbound(BaseModel):
    """What we send to Google: camelCase on the wire, and a whitelist, since unknown fields are a 400 there."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    def to_json(self) -> bytes:
        """Without what is absent."""
        long: list[bytes] = []
        text = self.model_dump_json(by_alias=True, exclude_none=True, context=long).encode()
        if not long:
            return text
        between = text.split(f'"{_PLACE}"'.encode())
        if len(between) != len(long) + 1:
            # the client's own JSON holds the very same word
            return self.model_dump_json(by_alias=True, exclude_none=True).encode()
        return b'"'.join(filter(None, chain.from_iterable(zip_longest(between, long))))


class GoogleInbound(BaseModel):
    """What Google sends us: camelCase on the wire, snake_case tolerated, unknown fields ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True)
