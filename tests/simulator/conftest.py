"""A running simulator, and a client that asks it things."""

from collections.abc import AsyncGenerator, Callable

import httpx
import pytest

from antigravity_addon.simulator.server import Simulator
from tests.simulator.talking import Asker, TokenBearer


@pytest.fixture
async def simulator() -> AsyncGenerator[Simulator]:
    async with Simulator(seconds_of_slow_first=0.01, largest_body=1_000_000) as running:
        yield running


@pytest.fixture
async def ask(simulator: Simulator) -> AsyncGenerator[Asker]:
    async with httpx.AsyncClient(base_url=simulator.base_url, timeout=60, verify=False) as http:
        yield Asker(http)


@pytest.fixture
def bearer(ask: Asker) -> Callable[[str], TokenBearer]:
    """A client that has the refresh token of this name."""
    return lambda refresh_token: TokenBearer(ask.http, refresh_token)
