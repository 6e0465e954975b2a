"""A load of requests on one address: how many answers a second, and how long to the first token."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from .answers import MODEL, Answer, piece
from .processes import Subject, processor_seconds

_FIRST = piece(0).encode()
_TAIL = 2000
"""Bytes within which an answer must say its last piece."""


@dataclass(frozen=True, slots=True)
class Result:
    per_second: float
    """Answers."""
    processor_ms: float
    """Of the subject, for each answer: what else the machine does makes rates worse, and this hardly."""
    first_token_ms: tuple[float, ...]
    """Per stream: from sending the request to the bytes that hold the first piece of the text."""


def question(answer: Answer, *, is_streamed: bool) -> bytes:
    """A chat request for that answer."""
    content = "Explain in three sentences what a local reverse proxy is. " * 4 + answer.wish
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": content},
    ]
    return json.dumps({"model": MODEL, "stream": is_streamed, "messages": messages}).encode()


def session(headers: Mapping[str, str]) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={"content-type": "application/json", **headers},
        skip_auto_headers=["accept-encoding", "user-agent"],
        timeout=aiohttp.ClientTimeout(total=300),
    )


async def run(
    subject: Subject,
    answer: Answer,
    *,
    is_streamed: bool,
    clients: int,
    seconds: float,
    spread: float = 0.0,
) -> Result:
    """So many clients ask again and again for so many seconds; what they asked for then is waited for.

    They begin within the first `spread` seconds, one after the other.

    Raises: AssertionError: an answer did not come to its end, so its figures would mean nothing.
    """
    url = subject.stream_url if is_streamed else subject.whole_url
    body = question(answer, is_streamed=is_streamed)
    first_token_ms: list[float] = []
    answered = 0
    began, used = time.perf_counter(), processor_seconds(subject.pid)

    async def client(connections: aiohttp.ClientSession, delay: float) -> None:
        nonlocal answered
        await asyncio.sleep(delay)
        while True:
            asked = time.perf_counter()
            tail, has_begun = b"", False
            async with connections.post(url, data=body) as response:
                async for chunk in response.content.iter_any():
                    tail = (tail + chunk)[-_TAIL:]
                    if not has_begun and _FIRST in tail:
                        has_begun = True
                        first_token_ms.append((time.perf_counter() - asked) * 1000)
                assert response.status == 200, (subject.name, response.status, tail)
            assert answer.mark in tail, (subject.name, tail)
            answered += 1
            if time.perf_counter() - began > seconds:
                return

    async with session(subject.headers) as connections:
        await asyncio.gather(*(client(connections, spread * number / clients) for number in range(clients)))
    took, used = time.perf_counter() - began, processor_seconds(subject.pid) - used
    return Result(answered / took, used * 1000 / answered, tuple(first_token_ms))


async def proven(subject: Subject, answer: Answer) -> None:
    """Look at what it answers, both ways, before any of it is measured.

    Raises: AssertionError: it is not the whole text.
    """
    for is_streamed in (True, False):
        url = subject.stream_url if is_streamed else subject.whole_url
        async with (
            session(subject.headers) as connections,
            connections.post(url, data=question(answer, is_streamed=is_streamed)) as response,
        ):
            content = await response.read()
        said = text_of(content)
        assert said == answer.text, f"{subject.name} answered {response.status}: {content[-1000:]!r}"


def text_of(content: bytes) -> str:
    """What a body says in all its events, or as a whole; of either protocol."""
    lines = [
        line.removeprefix(b"data:").strip() for line in content.splitlines() if line.startswith(b"data:")
    ]
    bodies = [json.loads(line) for line in lines if line != b"[DONE]"] or [json.loads(content)]
    return "".join(_text(body) for body in bodies)


def _text(body: Mapping[str, list[Mapping[str, Mapping[str, object]]]]) -> str:
    said = ""
    for choice in body.get("choices", []):
        said += str((choice.get("delta") or choice.get("message") or {}).get("content") or "")
    for candidate in body.get("candidates", []):
        parts = candidate["content"]["parts"]
        assert isinstance(parts, list)
        said += "".join(part["text"] for part in parts)
    return said
