"""A load of streams on one address: how many a second, and how long to the first token."""

import asyncio
import statistics
import time
from dataclasses import dataclass

import aiohttp

BODY = {
    "model": "gemini-2.5-flash",
    "stream": True,
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Explain in three sentences what a local reverse proxy is. " * 4},
    ],
}


@dataclass(frozen=True, slots=True)
class Result:
    streams_per_second: float
    first_token_ms: list[float]
    """Per stream: from sending the request to the first body bytes."""

    def percentile(self, share: float) -> float:
        ordered = sorted(self.first_token_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def median(self) -> float:
        return statistics.median(self.first_token_ms)


async def run(url: str, *, clients: int, streams: int, mark: bytes) -> Result:
    """`streams` requests over `clients` connections.

    Raises: AssertionError: a stream did not end with `mark`, so its figures would mean nothing.
    """
    first_token_ms: list[float] = []
    remaining = streams

    async def client(session: aiohttp.ClientSession) -> None:
        nonlocal remaining
        while remaining > 0:
            remaining -= 1
            started = time.perf_counter()
            async with session.post(url, json=BODY) as answer:
                tail = b""
                async for chunk in answer.content.iter_any():
                    if not tail:
                        first_token_ms.append((time.perf_counter() - started) * 1000)
                    tail = (tail + chunk)[-400:]
                assert answer.status == 200, answer.status
                assert mark in tail, tail

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        started = time.perf_counter()
        await asyncio.gather(*(client(session) for _ in range(clients)))
        return Result(streams / (time.perf_counter() - started), first_token_ms)
