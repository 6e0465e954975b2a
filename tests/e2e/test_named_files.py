"""Nothing on this machine's disk is opened because a client named it."""

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.test_chat import gateway_and_simulator

CONTENT = b"\x89PNG\r\n\x1a\nof-the-operator"

_opened: list[str] | None = None
"""Paths, while somebody wants to know; an audit hook cannot be taken away again."""


def _listen(event: str, arguments: tuple[object, ...]) -> None:
    if _opened is not None and event in {"open", "os.listdir", "os.scandir", "shutil.copyfile"}:
        _opened.append(repr(arguments))


sys.addaudithook(_listen)


@contextmanager
def opened() -> Generator[list[str]]:
    global _opened  # noqa: PLW0603  as above
    _opened = []
    try:
        yield _opened
    finally:
        _opened = None


def spellings(file: Path) -> Iterator[str]:
    path = str(file)
    yield from (
        path,
        f"@{path}",
        f"file:{path}",
        f"file://{path}",
        f"FILE://localhost{path}",
        f"file:///{path}",
    )
    yield from (f"~/../..{path}", f"../../../../../../../../..{path}", f"url({path})")
    yield from (f"http+unix://{path.replace('/', '%2F')}/", f"image/png;base64,@{path}", f"local://{path}")


def requests(named: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every place in which a client may name something that is not in the request."""
    for part in (
        {"type": "image_url", "image_url": {"url": named}},
        {"type": "file", "file": {"file_data": named, "filename": named}},
        {"type": "file", "file": {"file_url": named}},
        {"type": "file", "file": {"file_id": named}},
        {"type": "input_audio", "input_audio": {"data": named, "format": "wav"}},
    ):
        yield "/v1/chat/completions", {"messages": [{"role": "user", "content": [part]}]}
    for part in (
        {"type": "input_image", "image_url": named},
        {"type": "input_image", "file_id": named},
        {"type": "input_file", "file_url": named},
        {"type": "input_file", "file_data": named, "filename": named},
        {"type": "input_file", "file_id": named},
    ):
        yield "/v1/responses", {"input": [{"role": "user", "content": [part]}]}
    yield "/v1/responses", {"input": "x", "previous_response_id": named}
    yield "/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "model": named}


async def test_no_file_is_opened_that_a_client_names(tmp_path: Path) -> None:
    file = tmp_path / "of-the-operator.png"
    file.write_bytes(CONTENT)
    with opened() as before:
        file.read_bytes()
    assert file.name in "".join(before), "it would be seen"
    async with gateway_and_simulator(tmp_path) as (gateway, simulator), gateway.client() as http:
        with opened() as paths:
            for named in spellings(file):
                for url, body in requests(named):
                    answer = await http.post(url, json={"model": "gpt-4o"} | body)
                    assert answer.status_code in {400, 404}, (url, body, answer.text)
            drawn = {"model": "gemini-2.5-flash-image", "prompt": "x", "image": str(file)}
            await http.post("/v1/images/generations", json=drawn)
            heard = {"file": (str(file), b"", "audio/wav"), "model": (None, "gpt-4o")}
            assert (await http.post("/v1/audio/transcriptions", files=heard)).status_code == 400
        assert [path for path in paths if file.name in path] == []
        assert len(simulator.requests) == 1, "the image was drawn, and is of the prompt alone"
        assert file.name not in repr(simulator.requests[0].body)
