"""Who may connect, from the first moment on and to whichever of mitmproxy's listeners."""

import asyncio
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from mitmproxy import connection
from mitmproxy.proxy.mode_specs import ProxyMode

from antigravity_addon.mitm import listener
from benchmarks.ports import free_port
from tests.running import RunningGateway, proxyserver, run_gateway

from .raw_http import HEALTH
from .test_start import command, environment, folder

__all__ = ["folder"]

REGULAR = "regular@127.0.0.2:0"

PEERS: dict[str, bool] = {
    "127.0.0.1": True,
    "127.9.8.7": True,
    "::1": True,
    "::ffff:127.0.0.1": True,
    "192.168.1.7": False,
    "::ffff:192.168.1.7": False,
    "fe80::1%eth0": False,
    "2001:db8::1": False,
}


def refuses(gateway: RunningGateway, mode: str, peer: str) -> bool:
    client = connection.Client(
        peername=(peer, 1), sockname=("127.0.0.1", 2), proxy_mode=ProxyMode.parse(mode)
    )
    gateway.addon.client_connected(client)
    return client.error is not None


async def test_other_machines_are_refused_on_every_listener(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        (reverse,) = gateway.master.options.mode
        gateway.master.options.update(mode=[reverse, REGULAR])
        for mode in (reverse, REGULAR):
            assert {peer: not refuses(gateway, mode, peer) for peer in PEERS} == PEERS
        assert "192.168.1.7 was refused: gateway_allow_lan_access is off." in caplog.text
        # mitmproxy redirects this machine's own programs there, whatever address they have
        assert not refuses(gateway, "local:curl", "192.168.1.7")


class _Ends:
    """Of connections."""

    def __init__(self) -> None:
        self.clients: asyncio.Queue[connection.Client] = asyncio.Queue()

    def client_disconnected(self, client: connection.Client) -> None:
        self.clients.put_nowait(client)


async def test_nothing_is_served_by_datagrams(tmp_path: Path) -> None:
    """Who sends one can be anybody."""
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        ends = _Ends()
        gateway.master.addons.add(ends)
        mode = f"reverse:https://localhost@127.0.0.1:{free_port()}"
        gateway.master.options.update(mode=[mode])
        await proxyserver(gateway.master).setup_servers()
        ((host, port, *_), *_) = proxyserver(gateway.master).listen_addrs()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.connect((host, port))
            stranger.send(HEALTH)
            async with asyncio.timeout(60):
                client = await ends.clients.get()
        assert (client.transport_protocol, client.error) == ("udp", "The gateway is served by TCP alone.")
        assert not gateway.recorder.flows


async def test_a_listener_that_nobody_asked_for_serves_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        assert refuses(gateway, "regular", "127.0.0.1")
        (reverse,) = gateway.master.options.mode
        gateway.master.options.update(mode=[reverse, REGULAR])
        with monkeypatch.context() as failed:
            failed.setattr(gateway.addon, "_runtime", None)
            assert refuses(gateway, REGULAR, "127.0.0.1"), "the start has failed"
            assert not refuses(gateway, reverse, "127.0.0.1"), "it is told so"


async def test_who_connected_before_the_addon_was_there_is_cut_off(tmp_path: Path) -> None:
    async with run_gateway(None, tmp_path, gateway_upstream="simulator") as gateway:
        host, _, port = gateway.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await reader.readuntil(b"}")
        listener.hold()
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        async with gateway.client() as later:
            assert (await later.get("/healthz")).status_code == 200


def test_from_the_first_moment_on_only_the_gateway_answers(folder: Path) -> None:
    """With an address on the command line, mitmproxy opens its ordinary proxy before it knows the addon."""
    port = free_port()
    request = "GET http://127.0.0.1:9/healthz HTTP/1.1\r\nHost: 127.0.0.1:9\r\nConnection: close\r\n\r\n"
    arguments = ("--listen-host", "127.0.0.1", "--listen-port", str(port))
    process = subprocess.Popen(
        command(folder, "--set", "gateway_upstream=simulator", *arguments),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    try:
        answers = {answer for answer in hammered(port, request.encode()) if answer}
    finally:
        process.terminate()
        process.wait(60)
    assert answers == {b"HTTP/1.1 200 OK"}


def hammered(port: int, request: bytes) -> list[bytes]:
    """The first lines of all answers, up to the first good one; empty where there was none."""
    answers = [b""]
    deadline = time.monotonic() + 100
    while b"200" not in answers[-1] and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as connected:
                connected.sendall(request)
                answers.append(connected.recv(65_536).partition(b"\r\n")[0])
        except OSError:
            time.sleep(0.002)
    return answers
