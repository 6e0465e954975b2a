"""Fields that requests of several of OpenAI's dialects have.

Source: OpenAI's OpenAPI description, November 2026.
"""

from typing import Annotated

from pydantic import Discriminator, Field, Tag

from .base import Json
from .inbound import ClientInbound

MAX_CHOICES = 128
"""OpenAI's bound for `n`."""


type ModelName = Annotated[str, Field(min_length=1, pattern=r"^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$")]
"""Stands in a line of the log, in terminals and in tables: nothing in it ends a line, or is an order to a terminal."""


class JsonSchemaFormat(ClientInbound):
    name: str | None = None
    description: str | None = None
    schema_: Annotated[Json, Field(alias="schema")] = None


def _stop_arm(value: Json) -> str:
    return "<strings>" if isinstance(value, list) else "<string>"


type Stop = Annotated[
    Annotated[str, Tag("<string>")] | Annotated[tuple[str, ...], Tag("<strings>")], Discriminator(_stop_arm)
]


class StreamOptions(ClientInbound):
    include_usage: bool | None = None
