"""Gateways that follow each other in one process."""

import asyncio
import gc
from pathlib import Path

import pytest

from antigravity_addon.testing.running import GatewayFailed, run_gateway

SIMULATED = ("gateway_upstream=simulator", "gateway_state=memory")


async def start(folder: Path, *settings: str) -> None:
    async with run_gateway(folder, settings) as url:
        assert url.startswith("http://127.0.0.1:")


def test_nothing_of_a_gateway_is_kept_from_the_collector_of_garbage(tmp_path: Path) -> None:
    """Or a session of a thousand tests would hold a thousand gateways."""
    asyncio.run(start(tmp_path, *SIMULATED))
    frozen = gc.get_freeze_count()
    asyncio.run(start(tmp_path, *SIMULATED))
    assert 0 < gc.get_freeze_count() <= frozen


def test_what_is_wrong_is_said_and_the_next_one_starts(tmp_path: Path) -> None:
    with pytest.raises(GatewayFailed, match="There is no account to pay with"):
        asyncio.run(start(tmp_path, "gateway_state=memory"))
    asyncio.run(start(tmp_path, *SIMULATED))


async def test_a_client_that_keeps_its_connection_is_hung_up_on(tmp_path: Path) -> None:
    """Nobody waits for it, or each test with one would take a second more."""
    async with run_gateway(tmp_path, SIMULATED) as url, asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    async with asyncio.timeout(60):
        await reader.read()
    writer.close()
