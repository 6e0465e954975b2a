"""The server itself: what it records, how it follows a script, how it starts and stops."""

import asyncio
import os
import signal
import socket
import sys

import httpx
import pytest

from antigravity_addon.simulator.exchange import Exchange
from antigravity_addon.simulator.server import Simulator
from tests.simulator.talking import HELLO, Asker

MODEL = "gemini-2.5-flash"


async def test_requests_are_recorded(ask: Asker, simulator: Simulator) -> None:
    await ask.post(MODEL, key="secret")
    await ask.http.get("/elsewhere")
    first, second = simulator.requests
    assert (first.number, first.method, first.path) == (
        0,
        "POST",
        f"/v1beta/models/{MODEL}:streamGenerateContent",
    )
    assert (first.model, first.called, first.api_key) == (MODEL, "streamGenerateContent", "secret")
    assert (first.body, first.headers["X-Goog-Api-Key"], first.disconnected) == (HELLO, "secret", False)
    assert "secret" not in repr(first)
    assert (second.number, second.model, second.called, second.api_key, second.body) == (
        1,
        None,
        None,
        None,
        None,
    )


async def test_the_record_is_bounded() -> None:
    async with Simulator(remembered_requests=2) as simulator:
        async with httpx.AsyncClient(base_url=simulator.base_url, timeout=60, verify=False) as http:
            for _ in range(5):
                await http.get("/")
        assert [request.number for request in simulator.requests] == [3, 4]


async def test_a_client_that_hangs_up_in_mid_stream_is_noticed() -> None:
    async with Simulator(seconds_between_events=0.01) as simulator:
        async with httpx.AsyncClient(base_url=simulator.base_url, timeout=60, verify=False) as http:
            simulator.script([Exchange(pieces=((0.0, b"data: {}\r\n\r\n"),) * 3, silent=True)])
            async with http.stream("POST", "/anything") as response:
                await anext(response.aiter_raw())
        async with asyncio.timeout(60):
            await simulator.wait_for(lambda requests: bool(requests) and requests[-1].disconnected)


async def test_a_client_that_read_all_is_not_taken_for_gone(ask: Asker, simulator: Simulator) -> None:
    await ask.post(MODEL)
    await ask.http.aclose()
    assert [request.disconnected for request in simulator.requests] == [False]


async def test_forgotten_requests_may_hang_up(ask: Asker) -> None:
    async with Simulator(remembered_requests=0) as simulator:
        async with httpx.AsyncClient(base_url=simulator.base_url, timeout=60, verify=False) as http:
            simulator.script([Exchange(silent=True)])
            async with http.stream("GET", "/") as response:
                assert response.status_code == 200
            assert (await http.get("/")).status_code == 403
        assert not simulator.requests


class TestScript:
    async def test_exactly_these_bytes_and_then_as_ever(self, ask: Asker, simulator: Simulator) -> None:
        pieces = ((0.0, b"one "), (0.001, b"two "), (0.0, b"three"))
        simulator.script([Exchange(418, {"X-Said": "so"}, pieces), Exchange(201, {}, ((0.0, b"once"),))])
        first, second, third = [await ask.post(MODEL) for _ in range(3)]
        assert (first.status_code, first.headers["x-said"], first.content) == (418, "so", b"one two three")
        assert (second.status_code, second.content) == (201, b"once")
        assert (third.status_code, third.headers["content-type"]) == (200, "text/event-stream")

    async def test_pieces_are_reads_of_their_own(self, simulator: Simulator) -> None:
        simulator.script([Exchange(pieces=tuple((0.0, bytes([byte])) for byte in b"abcdef"))])
        async with (
            httpx.AsyncClient(base_url=simulator.base_url, timeout=60, verify=False) as http,
            http.stream("GET", "/") as response,
        ):
            chunks = [chunk async for chunk in response.aiter_raw()]
        assert chunks == [b"a", b"b", b"c", b"d", b"e", b"f"]

    async def test_reset(self, ask: Asker, simulator: Simulator) -> None:
        simulator.script([Exchange(pieces=((0.0, b"half"),), reset=True)])
        with pytest.raises(httpx.ReadError):
            await ask.post(MODEL)
        assert simulator.requests[0].disconnected is False
        assert (await ask.post(MODEL)).status_code == 200

    async def test_a_body_shorter_than_it_says(self, ask: Asker, simulator: Simulator) -> None:
        simulator.script([Exchange(headers={"Content-Length": "10"}, pieces=((0.0, b"ab"), (0.0, b"c")))])
        with pytest.raises(httpx.RemoteProtocolError):
            await ask.post(MODEL)

    async def test_the_queue_serves_any_path(self, ask: Asker, simulator: Simulator) -> None:
        simulator.script([Exchange(pieces=())])
        response = await ask.http.get("/anything")
        assert (response.status_code, response.content) == (200, b"")


class TestLife:
    async def test_a_given_socket_is_used(self) -> None:
        bound = socket.create_server(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        async with Simulator(sock=bound) as simulator:
            assert simulator.base_url == f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(timeout=60, verify=False) as http:
                assert (await http.get(simulator.base_url)).status_code == 403
        assert bound.fileno() == -1

    async def test_stopping_does_not_wait_for_the_silent(self) -> None:
        async with (
            asyncio.timeout(60),
            asyncio.TaskGroup() as group,
            httpx.AsyncClient(timeout=60, verify=False) as http,
            Simulator() as simulator,
        ):
            simulator.script([Exchange(headless=True, silent=True)])
            group.create_task(expect_a_broken_connection(http, simulator.base_url))
            await simulator.wait_for(lambda requests: len(requests) == 1)
        assert [request.disconnected for request in simulator.requests] == [False]

    def test_without_a_start_there_is_no_address(self) -> None:
        with pytest.raises(RuntimeError, match="not running"):
            _ = Simulator().base_url


async def expect_a_broken_connection(http: httpx.AsyncClient, address: str) -> None:
    with pytest.raises(httpx.TransportError):
        await http.get(address)


class TestCommandLine:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    async def test_says_where_it_is_and_stops_when_told(self, number: signal.Signals) -> None:
        process = await run("--port", "0")
        assert process.stdout is not None
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode()
            address = line.removeprefix("Simulated Gemini API at ").strip()
            async with httpx.AsyncClient(timeout=60, verify=False) as http:
                assert (await http.get(f"{address}/v1beta/models?key=k")).status_code == 200
            process.send_signal(number)
            rest, errors = await process.communicate()
        assert (process.returncode, rest, errors) == (0, b"", b"")

    async def test_a_port_that_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            process = await run("--port", str(taken.getsockname()[1]))
            async with asyncio.timeout(60):
                _, errors = await process.communicate()
        assert process.returncode == 2
        assert b"error: cannot listen on 127.0.0.1:" in errors

    async def test_lists_the_faults(self) -> None:
        process = await run("--faults")
        async with asyncio.timeout(60):
            said, _ = await process.communicate()
        assert said.startswith(b"| Fault | What it does |\n")


async def run(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "antigravity_addon.simulator",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
