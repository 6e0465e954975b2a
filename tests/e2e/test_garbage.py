"""What an exchange leaves to the garbage collector: nothing, since a collection holds every stream for its time."""

import asyncio
import gc
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http

from antigravity_addon.simulator.server import Simulator
from tests.running import RunningGateway, run_gateway, write_accounts

CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "echo:hello there"}]}
REQUESTS: dict[str, tuple[str, dict[str, Any], int]] = {
    "whole": ("/v1/chat/completions", CHAT, 200),
    "streamed": ("/v1/chat/completions", CHAT | {"stream": True}, 200),
    "several choices": ("/v1/chat/completions", CHAT | {"stream": True, "n": 2}, 200),
    "a response": ("/v1/responses", {"model": "gpt-4o", "input": "echo:hello", "stream": True}, 200),
    "completions": ("/v1/completions", {"model": "gpt-4o", "prompt": "echo:hello", "stream": True}, 200),
    "refused": ("/v1/chat/completions", {"model": 1}, 400),
    "unknown": ("/v1/chats", {}, 404),
}


@pytest.fixture(autouse=True, scope="module")
def only_what_comes_now() -> None:
    """All that other tests have left is looked at once, and not by each of these. What it complains of is none of theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()
    gc.freeze()


@contextmanager
def only_cycles(*, of: RunningGateway) -> Generator[list[type]]:
    """The types of what nobody refers to any more at the end, and only the collector can free."""
    garbage: list[type] = []
    gc.collect()
    gc.disable()
    try:
        yield garbage
        of.recorder.flows.clear()
        of.recorder.attempts.clear()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        garbage += [type(thing) for thing in gc.garbage if is_of_an_exchange(thing)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def is_of_an_exchange(thing: object) -> bool:
    module = type(thing).__module__
    return isinstance(thing, http.HTTPFlow | http.Message) or (
        module.startswith("antigravity_addon.") and not module.startswith("antigravity_addon.simulator.")
    )


async def ask(gateway: RunningGateway, path: str, body: dict[str, Any]) -> int:
    async with gateway.client() as client:
        return (await client.post(path, json=body)).status_code


@pytest.mark.parametrize(("path", "body", "status"), REQUESTS.values(), ids=REQUESTS)
async def test_nothing_of_an_exchange_waits_for_the_collector(
    tmp_path: Path, path: str, body: dict[str, Any], status: int
) -> None:
    options = {"gateway_accounts": write_accounts(tmp_path, ("good@example.com", "key"))}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        await ask(gateway, path, body)
        with only_cycles(of=gateway) as garbage:
            assert await ask(gateway, path, body) == status
    assert garbage == []


FAILURES: dict[str, tuple[dict[str, Any], tuple[str, ...], int]] = {
    "rotated": ({}, ("fault-internal", "fault-dead-key", "key"), 200),
    "rotated in a stream": ({"stream": True}, ("fault-overloaded", "key"), 200),
    "every account": ({}, ("fault-internal", "fault-dead-key"), 502),
    "every choice": ({"n": 2}, ("fault-dead-key",), 503),
    "in the middle": ({"stream": True}, ("fault-reset-mid",), 200),
}


@pytest.mark.parametrize("hedge", [0, 1], ids=["", "hedged"])
@pytest.mark.parametrize(("body", "keys", "status"), FAILURES.values(), ids=FAILURES)
async def test_nor_of_one_that_failed(
    tmp_path: Path, body: dict[str, Any], keys: tuple[str, ...], status: int, hedge: int
) -> None:
    accounts = [(f"{key}@example.com", key) for key in keys]
    options = {"gateway_accounts": write_accounts(tmp_path, *accounts), "gateway_hedge_seconds": hedge}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        with only_cycles(of=gateway) as garbage:
            assert await ask(gateway, "/v1/chat/completions", CHAT | body) == status
    assert garbage == []


@pytest.mark.parametrize("fault", ["silence", "silence-after-first"])
async def test_nor_of_one_whose_client_has_gone(tmp_path: Path, fault: str) -> None:
    options = {"gateway_accounts": write_accounts(tmp_path, ("a@example.com", f"fault-{fault}"))}
    async with Simulator() as simulator, run_gateway(simulator.base_url, tmp_path, **options) as gateway:
        with only_cycles(of=gateway) as garbage:
            asked = asyncio.get_running_loop().create_task(
                ask(gateway, "/v1/chat/completions", CHAT | {"stream": True})
            )
            async with asyncio.timeout(60):
                await simulator.wait_for(lambda requests: len(requests) == 1)
                asked.cancel()
                await simulator.wait_for(lambda requests: requests[0].disconnected)
                await gateway.recorder.wait()
            del asked
    assert garbage == []
