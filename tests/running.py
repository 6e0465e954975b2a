"""A real mitmproxy with the gateway in it, in the test's own event loop, and the simulator behind it.

Each test starts its own, which takes 10 ms of work. None is shared: mitmproxy has one master per process, in its
module `ctx`, and a gateway's cooldowns and lessons from refusals would make tests depend on their order.

A test whose options make it wait for seconds has the marker `time_lapse`.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.tools.dump import DumpMaster
from mitmproxy.tools.web.master import WebMaster
from tornado.httpserver import HTTPServer

from antigravity_addon.mitm.attempts import is_attempt
from antigravity_addon.mitm.gateway import GatewayAddon
from antigravity_addon.testing import running
from benchmarks.ports import free_port
from tests.authority import settle_authority
from tests.quick_options import QuickOptions


class FlowRecorder:
    """Collects the flows that are over, as an addon behind ours sees them."""

    def __init__(self) -> None:
        self.flows: list[http.HTTPFlow] = []
        """Of clients."""
        self.attempts: list[http.HTTPFlow] = []
        """Of upstream requests."""
        self._changed = asyncio.Condition()

    async def response(self, flow: http.HTTPFlow) -> None:
        await self._add(flow)

    async def error(self, flow: http.HTTPFlow) -> None:
        await self._add(flow)

    async def _add(self, flow: http.HTTPFlow) -> None:
        async with self._changed:
            (self.attempts if is_attempt(flow) else self.flows).append(flow)
            self._changed.notify_all()

    async def wait(self, count: int = 1) -> http.HTTPFlow:
        """The last flow, once there are `count`."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: len(self.flows) >= count)
        return self.flows[count - 1]


@dataclass
class RunningGateway:
    master: Master
    addon: GatewayAddon
    url: str
    """`http://127.0.0.1:port`."""
    recorder: FlowRecorder = field(default_factory=FlowRecorder)

    def client(self, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60)


def proxyserver(master: Master) -> Proxyserver:
    addon = master.addons.get("proxyserver")
    assert isinstance(addon, Proxyserver)
    return addon


def new_master(folder: Path, **option_values: object) -> DumpMaster:
    """Mitmproxy's own master, not running. Options that nobody knows yet wait for the addon.

    Its confdir is `folder`/confdir, so what is kept there is kept for the next master of the same folder only.
    """
    master = DumpMaster(_new_options(folder), with_termlog=False, with_dumper=False)
    _prepare(master, option_values)
    return master


@contextmanager
def stopping_web_servers() -> Generator[None]:
    """mitmweb (12.2.3) leaves its own listener to the end of the process, and to whichever test runs then."""
    started: list[HTTPServer] = []
    listen = HTTPServer.listen

    def remember(server: HTTPServer, *arguments: Any) -> None:
        started.append(server)
        listen(server, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HTTPServer, "listen", remember)
        yield
    for server in started:
        server.stop()


def new_web_master(folder: Path, **option_values: object) -> WebMaster:
    """mitmweb's, without a browser. `web_url` is where it is."""
    master = WebMaster(_new_options(folder), with_termlog=False)
    _prepare(master, {"web_port": free_port(), "web_open_browser": False, **option_values})
    return master


def _new_options(folder: Path) -> Options:
    confdir = folder / "confdir"
    settle_authority(confdir)
    return QuickOptions(confdir=str(confdir))


def _prepare(master: Master, option_values: Mapping[str, object]) -> None:
    # it ends the process on an error that is logged while starting
    master.addons.remove(master.addons.get("errorcheck"))
    master.options.update_defer(**option_values)


@asynccontextmanager
async def run_gateway(
    upstream_url: str | None, folder: Path, **option_values: object
) -> AsyncGenerator[RunningGateway]:
    """Start mitmproxy's own master with the addon, listening on a free port.

    `folder` may hold a mitm-config.yaml. `upstream_url=None` starts with the embedded simulator.
    """
    async with run_master(new_master(folder, **option_values), upstream_url, folder) as gateway:
        yield gateway


@asynccontextmanager
async def run_master(
    master: Master, upstream_url: str | None, folder: Path
) -> AsyncGenerator[RunningGateway]:
    """The same, with a master that is not running yet."""
    addon, recorder = GatewayAddon(folder), FlowRecorder()
    target = upstream_url or "http://127.0.0.1:1"
    async with running.run_master(master, addon, recorder, target=target) as url:
        yield RunningGateway(master, addon, url, recorder)


def write_accounts(folder: Path, *accounts: tuple[str, str], mode: int = 0o600) -> str:
    """An accounts file of (email, api key) pairs; gives its path."""
    path = folder / "accounts.yaml"
    lines = "".join(f"  - email: {email}\n    api_key: {key}\n" for email, key in accounts)
    path.write_text(f"accounts:\n{lines}")
    path.chmod(mode)
    return str(path)
