"""The three kinds of wire model, and the type of JSON that is only carried."""

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel

type Json = JsonValue
"""Foreign JSON (tool arguments, tool results, schemas): never looked into, only carried."""
type JsonObject = dict[str, JsonValue]


class Inbound(BaseModel):
    """What a peer sends us. Peers are newer than we are: unknown fields are kept and ignored."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Outbound(BaseModel):
    """What we send. Only what is written down here leaves the house."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GoogleOutbound(BaseModel):
    """What we send to Google: camelCase on the wire, and a whitelist, since unknown fields are a 400 there."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class GoogleInbound(BaseModel):
    """What Google sends us: camelCase on the wire, snake_case tolerated, unknown fields ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True)
