"""OpenAI's `GET /v1/models` and `GET /v1/models/{id}`. All fields are required by strict clients."""

from typing import Literal

from .base import Outbound


class Model(Outbound):
    id: str
    object: Literal["model"] = "model"
    created: int
    """Unix time in seconds."""
    owned_by: str


class ModelList(Outbound):
    object: Literal["list"] = "list"
    data: tuple[Model, ...]
