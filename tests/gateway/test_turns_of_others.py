"""Whoever else has something to do, while one answer is passed on."""

import asyncio
import json

import pytest

from tests.fuzz.in_process import Asked, InProcess, scripted

PARTS = 8000
ONE_EVENT = b'data: {"candidates":[{"content":{"parts":[%b]},"finishReason":"STOP"}]}\r\n\r\n' % b",".join(
    [b'{"text":"x"}'] * PARTS
)
QUESTIONS = {
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}, b'{"content":"x"}'),
    "completions": ("/v1/completions", {"prompt": "x"}, b'"text":"x"'),
    "responses": ("/v1/responses", {"input": "x", "store": False}, b'"delta":"x"'),
}


@pytest.mark.parametrize(("path", "asked", "piece"), QUESTIONS.values(), ids=QUESTIONS)
async def test_one_event_of_thousands_of_parts_is_passed_on_in_between(
    path: str, asked: dict[str, object], piece: bytes
) -> None:
    """There is a piece of the client's for each of them, all together twenty times as large."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    body = json.dumps({"model": "gemini-2.5-flash", "stream": True, **asked}).encode()
    busy = asyncio.get_running_loop().create_task(others())
    async with InProcess() as gateway:
        answered = await gateway.ask(
            Asked("POST", path, "application/json", body),
            instead=scripted(200, {"content-type": "text/event-stream"}, ONE_EVENT),
        )
    busy.cancel()
    assert answered.body.count(piece) == PARTS
    assert turns > PARTS / 300
