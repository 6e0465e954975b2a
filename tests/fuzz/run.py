"""Many inputs for one target, and what was found, as small as it gets."""

import asyncio
import copy
import gc
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import batched
from random import Random
from typing import Any

from .in_process import InProcess
from .laws import Broken
from .spoiling import Place, at, places
from .targets import Target

SLOW_SECONDS = 2.0
"""Of the processor, for one input of a few kilobytes: a hang, or the beginning of one."""
_BATCH = 500
"""Inputs for one gateway, which forgets nothing by itself."""
_TRIES = 400
"""To make a finding smaller."""


@dataclass(slots=True)
class Finding:
    law: str
    details: str
    content: bytes
    count: int = 1


@dataclass(slots=True)
class Run:
    inputs: int = 0
    seconds: float = 0.0
    """Of the processor."""
    slowest: float = 0.0
    findings: dict[str, Finding] = field(default_factory=dict[str, Finding])
    """By law: of each, the smallest input."""


def run(target: Target, name: str, *, inputs: int, seed: int) -> Run:
    """Deterministic: the same seed makes the same inputs."""
    contents = (target.generate(Random(f"{seed}/{name}/{number}")) for number in range(inputs))
    return run_all(target, contents)


def run_all(target: Target, contents: Iterable[bytes]) -> Run:
    result = Run()
    began = time.process_time()
    for batch in batched(contents, _BATCH, strict=False):
        asyncio.run(_batch(target, batch, result))
        gc.collect()
    result.seconds = time.process_time() - began
    return result


async def _batch(target: Target, contents: Iterable[bytes], result: Run) -> None:
    async with InProcess() as gateway:
        for content in contents:
            result.inputs += 1
            began = time.process_time()
            if (broken := await broken_by(target, gateway, content)) is not None:
                _note(result, broken.law, str(broken), content)
            seconds = time.process_time() - began
            result.slowest = max(result.slowest, seconds)
            if seconds > SLOW_SECONDS:
                _note(result, "time is bounded", f"{seconds:.1f} s", content)


async def broken_by(target: Target, gateway: InProcess, content: bytes) -> Broken | None:
    try:
        await target.check(gateway, content)
    except Broken as broken:
        return broken
    return None


def _note(result: Run, law: str, details: str, content: bytes) -> None:
    known = result.findings.get(law)
    if known is None:
        result.findings[law] = Finding(law, details, content)
        return
    known.count += 1
    if len(content) < len(known.content):
        known.content, known.details = content, details


# --- smaller ---------------------------------------------------------------------------------------------


def minimised(target: Target, finding: Finding) -> bytes:
    return asyncio.run(_minimised(target, finding))


async def _minimised(target: Target, finding: Finding) -> bytes:
    async with InProcess() as gateway:

        async def breaks(content: bytes) -> bool:
            try:
                broken = await broken_by(target, gateway, content)
            except ValueError:
                return False  # no input of this target any more
            return broken is not None and broken.law == finding.law

        content, tries = finding.content, 0
        is_smaller = True
        while is_smaller and tries < _TRIES:
            is_smaller = False
            for candidate in _smaller(content):
                tries += 1
                if tries > _TRIES:
                    break
                if await breaks(candidate):
                    content, is_smaller = candidate, True
                    break
        return content


def _smaller(content: bytes) -> Iterator[bytes]:
    """The same without one thing, largest first."""
    head, separator, body = content.partition(b"\n\n")
    try:
        value = json.loads(body)
    except ValueError:
        yield from _without_bytes(content)
        return
    if not isinstance(value, dict | list):
        return
    for place in sorted(places(value), key=lambda place: -len(json.dumps(at(value, place)))):
        for change in (_gone, _shorter):
            changed = copy.deepcopy(value)
            if change(changed, place):
                yield head + separator + json.dumps(changed).encode()


def _gone(value: Any, place: Place) -> bool:
    *way, last = place
    del at(value, tuple(way))[last]
    return True


def _shorter(value: Any, place: Place) -> bool:
    *way, last = place
    holder = at(value, tuple(way))
    match holder[last]:
        case str(text) if len(text) > 1:
            holder[last] = text[: len(text) // 2]
        case dict(inner) | list(inner) if len(inner) > 1:
            holder[last] = type(inner)()
        case _:
            return False
    return True


def _without_bytes(content: bytes) -> Iterator[bytes]:
    size = len(content) // 2
    while size:
        for start in range(0, len(content), size):
            yield content[:start] + content[start + size :]
        size //= 2
