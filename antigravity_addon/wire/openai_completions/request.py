"""Legacy Completions: the request. Fields that are not here are ignored, as unknown ones are.

Source: OpenAI's OpenAPI description, November 2026.
"""

from typing import Annotated

from pydantic import Discriminator, Field, Tag, TypeAdapter

from antigravity_addon.wire.base import Json
from antigravity_addon.wire.inbound import ClientInbound, Integer, read_json_object
from antigravity_addon.wire.openai_common import MAX_CHOICES, ModelName, Stop, StreamOptions


def _prompt_arm(value: Json) -> str:
    if isinstance(value, list):
        return "<tokens>" if value and not isinstance(value[0], str) else "<texts>"
    return "<text>"


type Prompt = Annotated[
    Annotated[str, Tag("<text>")]
    | Annotated[tuple[str, ...], Tag("<texts>")]
    | Annotated[tuple[Json, ...], Tag("<tokens>")],
    Discriminator(_prompt_arm),
]


class CompletionRequest(ClientInbound):
    model: ModelName
    prompt: Prompt
    suffix: str | None = None
    max_tokens: Annotated[Integer, Field(ge=1)] | None = None
    n: Annotated[Integer, Field(ge=1, le=MAX_CHOICES)] | None = None
    best_of: Annotated[Integer, Field(ge=1)] | None = None
    echo: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    stop: Stop | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: Integer | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    user: str | None = None


_REQUEST = TypeAdapter(CompletionRequest)


def parse(body: bytes) -> CompletionRequest:
    """Raises: InvalidRequest: names the first field at fault."""
    return read_json_object(body, _REQUEST)
