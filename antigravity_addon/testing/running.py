"""A mitmproxy with the gateway in it, for as long as something is asked of it.

Each has a master of its own, which takes less than a tenth of a second: a gateway's cooldowns, conversations and lessons from refusals
reach nobody who comes after it.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from mitmproxy import options
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.script import ScriptLoader
from mitmproxy.exceptions import OptionsError
from mitmproxy.master import Master
from mitmproxy.tools.dump import DumpMaster

from antigravity_addon.gateway.tasks import spawn
from antigravity_addon.mitm.gateway import GatewayAddon
from antigravity_addon.mitm.listener import GOOGLE, LOOPBACK, writers

_LONGEST_START = 60.0
_LONGEST_FAREWELL = 1.0
_LOOK_AGAIN = 0.005
"""Seconds."""


class GatewayFailed(Exception):
    """The gateway has not started; the message holds its own sentences about it."""


class ErrorLog(logging.Handler):
    """Keeps what is logged as an error.

    State: the sentences, in order.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.sentences.append(self.format(record))


@asynccontextmanager
async def run_gateway(folder: Path, settings: Sequence[str], *addons: object) -> AsyncGenerator[str]:
    """A gateway under `settings`, as `--set` takes them: the URL where it listens. `addons` stand behind it.

    `folder` keeps mitmproxy's certificates, which the next gateway need not make again. Raises: GatewayFailed.
    """
    master = DumpMaster(
        options.Options(confdir=str(folder / "confdir")), with_termlog=False, with_dumper=False
    )
    # it ends the process on an error that is logged while starting
    master.addons.remove(master.addons.get("errorcheck"))
    log = ErrorLog()
    logging.getLogger().addHandler(log)
    try:
        try:
            master.options.set(*settings, defer=True)
        except OptionsError as error:
            raise GatewayFailed(str(error)) from None
        async with run_master(master, GatewayAddon(folder), *addons) as url:
            if log.sentences:
                raise GatewayFailed("\n".join(log.sentences))
            logging.getLogger().removeHandler(log)
            yield url
    finally:
        logging.getLogger().removeHandler(log)


@asynccontextmanager
async def run_master(
    master: Master, gateway: GatewayAddon, *addons: object, target: str = GOOGLE
) -> AsyncGenerator[str]:
    """Run a mitmproxy with the gateway in front of `target`, and `addons` behind it: the URL where it listens."""
    master.options.update(mode=[f"reverse:{target}@{LOOPBACK}:0"])
    # where a script stands: in front of mitmproxy's own next_layer, server replay and save
    scripts = master.addons.get("scriptloader")
    assert isinstance(scripts, ScriptLoader)  # noqa: S101  every mitmproxy tool has one
    scripts.addons.append(master.addons.register(gateway))
    running = asyncio.Event()
    master.addons.add(*addons, Signal(running))
    task = spawn(master.run(), name="run mitmproxy")
    try:
        async with asyncio.timeout(_LONGEST_START):
            await running.wait()
        host, port = _proxyserver(master).listen_addrs()[0][:2]
        yield f"http://{host}:{port}"
    finally:
        # mitmproxy leaves its listeners to the end of the process
        await _proxyserver(master).servers.update([])
        master.shutdown()
        await asyncio.wait([task])
        if stopping := {task for task in asyncio.all_tasks() if task.get_name() == "stop the gateway"}:
            await asyncio.wait(stopping)
        with suppress(TimeoutError):
            await _hung_up(master)


async def _hung_up(master: Master) -> None:
    """Until clients are gone: those that were cut off, and those that would keep a connection for later."""
    for writer in writers(_proxyserver(master)):
        writer.close()
    async with asyncio.timeout(_LONGEST_FAREWELL):
        while _proxyserver(master).connections:  # noqa: ASYNC110  mitmproxy tells nobody
            await asyncio.sleep(_LOOK_AGAIN)


def _proxyserver(master: Master) -> Proxyserver:
    """Not `listener.proxyserver`: by now, another master may be the one in `ctx`."""
    addon = master.addons.get("proxyserver")
    assert isinstance(addon, Proxyserver)  # noqa: S101  as above
    return addon


class Signal:
    """Tells that everything runs."""

    name = "signal"

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    def running(self) -> None:
        self._event.set()
