"""The Open Responses description, by its own types: what many clients that are not OpenAI's go by."""

from pathlib import Path
from typing import Any

import openresponses_types.types as described
import pytest
from pydantic import BaseModel, TypeAdapter

from .answers import frames

GOLDEN = Path(__file__).parent / "golden"
BEYOND_IT = {
    "c75-custom-tool",
    "shells-and-patch",
    "image",
    "compaction",
    "search-then-cited-text",
    "search-within-text",
}
"""Items that only OpenAI's own description has."""


def event_models() -> dict[str, type[BaseModel]]:
    """By the event's type, which each model has as an enumeration of one."""
    names = (name for name in dir(described) if name.endswith("StreamingEvent"))
    models: list[Any] = [getattr(described, name) for name in names]
    return {next(iter(model.model_fields["type"].annotation)).value: model for model in models}


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in GOLDEN.glob("*.sse") if path.stem not in BEYOND_IT)
)
def test_every_event_is_as_described(name: str) -> None:
    models = event_models()
    stream = (GOLDEN / f"{name}.sse").read_bytes()
    events: list[Any] = frames(stream)
    assert {event["type"] for event in events} <= models.keys()
    for event in events:
        models[event["type"]].model_validate(event)


@pytest.mark.parametrize("name", ["c76-cut-short", "c77-text", "c78-thought-text-call"])
def test_a_whole_answer_is_as_described(name: str) -> None:
    resource: TypeAdapter[described.ResponseResource] = TypeAdapter(described.ResponseResource)
    resource.validate_json((GOLDEN / f"{name}.json").read_bytes())
