"""Requests that OpenAI's own description of its API allows, and such as it does not allow, made by schemathesis.

The description is not ours, and is read where it lies. schemathesis is in the dependency group `fuzz`.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import schemathesis  # pyright: ignore[reportMissingImports]  the group `fuzz` may not be installed
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.core import NotSet  # pyright: ignore[reportMissingImports]
from schemathesis.generation import GenerationMode  # pyright: ignore[reportMissingImports]

from .in_process import Asked

DESCRIPTION = Path(__file__).parents[3] / "shared" / "openapi" / "openai.yaml"
SERVED: Mapping[str, tuple[str, ...]] = {
    "/chat/completions": ("POST",),
    "/completions": ("POST",),
    "/responses": ("POST",),
    "/responses/{response_id}": ("GET", "DELETE"),
    "/responses/{response_id}/input_items": ("GET",),
    "/images/generations": ("POST",),
    "/audio/transcriptions": ("POST",),
    "/audio/translations": ("POST",),
    "/conversations": ("POST",),
    "/conversations/{conversation_id}": ("GET", "POST", "DELETE"),
    "/conversations/{conversation_id}/items": ("GET", "POST"),
    "/conversations/{conversation_id}/items/{item_id}": ("GET", "DELETE"),
}


def requests(description: Path, *, inputs: int, number: int) -> Iterator[bytes]:
    """About as many as are wanted; the same for the same `number`."""
    strategies = list(_strategies(description))
    for strategy in strategies:
        yield from _examples(strategy, max(1, inputs // len(strategies)), number)


def _strategies(description: Path) -> Iterator[Any]:
    document: Any = yaml.load(description.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    # the others take their time, and are not served
    document["paths"] = {path: document["paths"][path] for path in SERVED if path in document["paths"]}
    schema = schemathesis.openapi.from_dict(document)
    for path in document["paths"]:
        for method in SERVED[path]:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                yield schema[path][method].as_strategy(generation_mode=mode)


def _examples(strategy: Any, count: int, number: int) -> list[bytes]:
    found: list[bytes] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(strategy)
    def collect(case: Any) -> None:
        found.append(_asked(case).to_bytes())

    collect()
    return found


def _asked(case: Any) -> Asked:
    query = "&".join(f"{_plain(name)}={_plain(value)}" for name, value in (case.query or {}).items())
    target = f"/v1{case.formatted_path}{'?' if query else ''}{query}"
    content_type = case.media_type or ""
    body = case.body
    if isinstance(body, NotSet):
        return Asked(case.method, target, content_type, b"")
    if content_type == "multipart/form-data":
        return Asked(case.method, target, f"{content_type}; boundary=X", _form(body))
    return Asked(
        case.method, target, content_type, body if isinstance(body, bytes) else json.dumps(body).encode()
    )


def _plain(value: object) -> str:
    return "".join(char for char in str(value) if char.isalnum() or char in "-_.")


def _form(fields: Any) -> bytes:
    if not isinstance(fields, dict):
        return str(fields).encode(errors="replace")
    parts = b"".join(_part(str(name), value) for name, value in fields.items())
    return parts + b"--X--\r\n"


def _part(name: str, value: object) -> bytes:
    filename = '; filename="a.wav"' if name == "file" else ""
    head = f'--X\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'.encode(errors="replace")
    return head + (value if isinstance(value, bytes) else str(value).encode(errors="replace")) + b"\r\n"
