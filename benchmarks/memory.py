"""Memory: what a gateway takes after many exchanges, for each that it took after the first tenth of them.

mitmweb with its bounds, which keeps some flows; mitmdump, which keeps none; and mitmweb without bounds, which keeps all,
for contrast. Streamed chats of all lengths, several clients at a time, each of which renews its connection now and then.
Reads /proc, so it takes Linux.
"""

import argparse
import asyncio
import platform
import random
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import aiohttp

from .ports import free_port
from .processes import end_on_signals, gateway, resident, upstream

SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
"""Of the exchanges; memory is read then."""
_CLIENTS = 8
_A_CONNECTION = 100
"""Exchanges that one serves."""
_MEDIAN_PROMPT, _LONGEST_PROMPT = 8_000, 400_000
"""Characters."""
_SEED = 2026


@dataclass(frozen=True, slots=True)
class Subject:
    name: str
    program: str
    exchanges: int
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    megabytes: tuple[float, ...]
    """At each of the shares."""
    transferred: float
    """Megabytes of bodies, both ways."""

    def growth_since(self, share: float) -> float:
        return self.megabytes[-1] / self.megabytes[SHARES.index(share)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--exchanges", type=int, default=20_000, help="with bounds (%(default)s)")
    parser.add_argument("--unbounded", type=int, default=2_000, help="without, 0: not at all (%(default)s)")
    parser.add_argument("--events", type=int, default=40, help="events in each answer (%(default)s)")
    parser.add_argument("--keep-flows", type=int, default=2_000, help="gateway_keep_flows (%(default)s)")
    arguments = parser.parse_args()
    end_on_signals()
    bounds = f"gateway_keep_flows={arguments.keep_flows}"
    subjects = (
        Subject("mitmweb", "mitmweb", arguments.exchanges, (bounds,)),
        Subject("mitmdump", "mitmdump", arguments.exchanges),
        Subject(
            "mitmweb, no bounds",
            "mitmweb",
            arguments.unbounded,
            ("gateway_keep_flows=0", "gateway_keep_megabytes=0"),
        ),
    )
    print(f"{_CLIENTS} clients, {arguments.events} events an answer, {bounds}")
    print(
        f"Python {platform.python_version()}, mitmproxy {version('mitmproxy')}, {platform.system()} "
        f"{platform.machine()}\n"
    )
    print(
        f"| | exchanges | {' | '.join(f'MB at {share:.0%}' for share in SHARES)} | at the end over that at 10% | over that at 50% | MB of bodies |"
    )
    print(f"|---|{'---|' * (len(SHARES) + 4)}")
    for subject in (each for each in subjects if each.exchanges):
        memory = _measure(subject, arguments.events)
        at_shares = " | ".join(f"{megabytes:.0f}" for megabytes in memory.megabytes)
        print(
            f"| {subject.name} | {subject.exchanges:,} | {at_shares} "
            f"| {memory.growth_since(0.1):.2f} | {memory.growth_since(0.5):.2f} | {memory.transferred:.0f} |",
            flush=True,
        )


def _measure(subject: Subject, events: int) -> Memory:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        options = list(subject.options)
        if subject.program == "mitmweb":
            options += [f"web_port={free_port()}", "web_open_browser=false"]
        url = stack.enter_context(upstream(events))
        running = stack.enter_context(gateway(url, folder, program=subject.program, options=options))
        return asyncio.run(_serve(running.stream_url, running.pid, subject.exchanges))


async def _serve(url: str, pid: int, exchanges: int) -> Memory:
    prompts = _prompts(exchanges)
    read: list[float] = []
    transferred = done = 0

    async def client() -> None:
        nonlocal transferred, done
        while True:
            async with aiohttp.ClientSession() as session:
                for _ in range(_A_CONNECTION):
                    prompt = next(prompts, None)
                    if prompt is None:
                        return
                    async with session.post(url, json=_body(prompt)) as answer:
                        content = await answer.read()
                    assert content.endswith(b"data: [DONE]\n\n"), content[-400:]
                    transferred += len(content) + len(prompt)
                    done += 1
                    if done >= SHARES[len(read)] * exchanges:
                        read.append(resident(pid))

    await asyncio.gather(*(client() for _ in range(_CLIENTS)))
    return Memory(tuple(read), transferred / 1e6)


def _prompts(exchanges: int) -> Iterator[str]:
    """Short prompts mostly, and a few very long ones; no two begin alike."""
    chance = random.Random(_SEED)
    for number in range(exchanges):
        length = min(int(chance.lognormvariate(0, 1.2) * _MEDIAN_PROMPT), _LONGEST_PROMPT)
        text = f"Question {number}: " + "what is a local reverse proxy, and what is it good for? " * (
            length // 56
        )
        yield text


def _body(prompt: str) -> dict[str, object]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": "gemini-2.5-flash", "stream": True, "messages": messages}


if __name__ == "__main__":
    main()
