"""Every fault of the table alone: what a client gets of a request whose first attempt meets it."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import openai
import pytest

from tests.running import run_gateway, write_accounts

from .clients import STREAMED, WHOLE
from .faults import FAULTS, PLAIN, Fate, Fault
from .upstream import HostileUpstream
from .world import World

pytestmark = pytest.mark.time_lapse


@asynccontextmanager
async def a_world(folder: Path, names: Sequence[str], *, patience: int = 120) -> AsyncGenerator[World]:
    upstream = HostileUpstream(lambda number, attempt: PLAIN if attempt else names[number])
    accounts = write_accounts(folder, *((f"a{i}@example.com", f"key-{i}") for i in range(60)))
    async with (
        upstream,
        run_gateway(
            f"http://127.0.0.1:{upstream.port}",
            folder,
            gateway_accounts=accounts,
            gateway_state="memory",
            gateway_first_token_timeout=patience,
            gateway_strategy="balance",
        ) as gateway,
        openai.AsyncOpenAI(api_key="x", base_url=f"{gateway.url}/v1", max_retries=0, timeout=60) as client,
    ):
        yield World(upstream, client, names)
    assert (upstream.late, upstream.beside, upstream.strays) == ([], [], [])


def those(kind: Callable[[Fault], bool]) -> Sequence[str]:
    return tuple(name for name, fault in FAULTS.items() if kind(fault))


SILENT = those(lambda fault: fault.is_silent)
SPOILING = those(lambda fault: fault.spoils_connection)
HEAVY = those(lambda fault: fault.is_heavy)
FEW_HEAVY = (
    "gzip of zeros",
    "500, gzip of zeros",
    "a line of braces without an end",
    "comments without an end",
    "an event of candidates",
    "an error of quotes",
)
"""All take a minute; `python -m tests.chaos --each` asks all."""
OTHERS = tuple(name for name in FAULTS if name not in {*SILENT, *SPOILING, *HEAVY})
both = pytest.mark.parametrize("streams", [True, False], ids=["streamed", "whole"])


@both
async def test_an_answer_with_a_fault_is_given_whole_or_not_at_all(tmp_path: Path, *, streams: bool) -> None:
    # what is not cut has one way through the code, whatever the client wants
    names = OTHERS if streams else [name for name in OTHERS if FAULTS[name].fate is not Fate.AGAIN]
    async with a_world(tmp_path, names) as world:
        assert await world.wrong(streams=streams) == []


@both
async def test_silence_ends_with_the_gateways_patience(tmp_path: Path, *, streams: bool) -> None:
    async with a_world(tmp_path, SILENT, patience=8) as world:
        assert await world.wrong(streams=streams) == []


@both
async def test_no_connection_carries_anything_over_to_the_next_request(
    tmp_path: Path, *, streams: bool
) -> None:
    names = [name for spoiling in SPOILING for name in (spoiling, PLAIN)]
    async with a_world(tmp_path, names) as world:
        way = (STREAMED if streams else WHOLE)["chat stream" if streams else "chat"]
        got: list[str] = []
        for number in range(len(names)):
            got.append((await world.got(number, way)).answer)
            # an answer that nobody asked for and that comes too late cannot be told from one that was asked for
            await world.upstream.quiet()
    assert got == ["whole"] * len(names)


async def test_an_answer_that_swells_is_cut_off(tmp_path: Path) -> None:
    async with a_world(tmp_path, FEW_HEAVY) as world:
        assert await world.wrong(streams=True) == []
