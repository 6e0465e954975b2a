"""The composition root: option values -> a gateway that runs, with everything it stands on."""

import asyncio
import gc
import logging
import socket
import time
from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode
from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, ApiKey
from antigravity_addon.accounts.file import AccountsFileError, read_accounts, readable_by_others
from antigravity_addon.accounts.pool import AccountPool
from antigravity_addon.gateway.attempts import Upstream
from antigravity_addon.gateway.gateway import Gateway
from antigravity_addon.gateway.settings import Settings, UpstreamKind, to_settings
from antigravity_addon.gateway.tasks import spawn
from antigravity_addon.simulator.server import Simulator
from antigravity_addon.state.sqlite import IN_MEMORY, SqliteMemory
from antigravity_addon.upstream.authorize import AccountAuthorizer
from antigravity_addon.upstream.endpoints import Endpoints
from antigravity_addon.upstream.remedies import Lessons
from antigravity_addon.upstream.transport import Transport
from antigravity_addon.upstream.web_media import WebMedia

from . import listener, options

logger = logging.getLogger(__name__)

STATE_FILE = "gateway.sqlite"
USER_AGENT = f"antigravity-addon/{version('antigravity-addon')}"
"""Says who we are; imitates nobody."""

_NOT_GEMINI_API = {
    "aiplatform.googleapis.com": "Vertex AI",
    "cloudcode-pa.googleapis.com": "Code Assist",
}
_SIMULATED = (Account("simulator@localhost", ApiKey(SecretStr("simulator"))),)


class StartError(Exception):
    """The gateway cannot start; the message says in a sentence what to do."""


class Runtime:
    """A gateway and what it stands on, for one set of options after the other."""

    def __init__(
        self, settings: Settings, accounts: tuple[Account, ...], simulator: socket.socket | None
    ) -> None:
        self._settings = settings
        self._pool = AccountPool(accounts, clock=time.monotonic)
        self._transport = Transport()
        self._lessons = Lessons()
        self._memory = _memory(settings)
        self._media = WebMedia(user_agent=USER_AGENT)
        self._simulator_socket = simulator
        self._simulator: Simulator | None = None
        self._gateways: dict[ProxyMode, Gateway] = {}

    @classmethod
    def from_options(cls) -> "Runtime":
        """Raises: SettingsError, StartError: what the operator has to change."""
        settings = to_settings(options.read())
        check_mitmproxy_options()
        if settings.upstream is UpstreamKind.SIMULATOR:
            simulator = _bind_loopback()
            target = _url(simulator)
        else:
            simulator = None
            target = listener.GOOGLE
            check_target(listener.upstream_url())
        accounts = read_account_file(settings)
        listener.settle(target=target, allow_lan_access=settings.allow_lan_access)
        return cls(settings, accounts, simulator)

    @property
    def settings(self) -> Settings:
        return self._settings

    def gateway_for(self, mode: ProxyMode) -> Gateway:
        """The gateway behind a listener: each reverse target is an upstream of its own."""
        if mode not in self._gateways:
            endpoints = Endpoints(target=self._upstream_url(mode), user_agent=USER_AGENT)
            upstream = Upstream(endpoints, AccountAuthorizer(), self._pool, self._transport, self._lessons)
            self._gateways[mode] = Gateway(self._settings, upstream, memory=self._memory, media=self._media)
        return self._gateways[mode]

    def _upstream_url(self, mode: ProxyMode) -> str:
        if self._simulator_socket is not None:
            return _url(self._simulator_socket)
        return listener.url_of(mode) if isinstance(mode, ReverseMode) else listener.upstream_url()

    def reconfigure(self, updated: set[str]) -> None:
        """Take changed options; exchanges under way end under the old ones.

        Raises: SettingsError, StartError: nothing was changed.
        """
        if updated & {"stream_large_bodies", "connection_strategy"}:
            check_mitmproxy_options()
        if not updated & options.NAMES:
            return
        settings = to_settings(options.read())
        if settings.upstream is not self._settings.upstream:
            raise StartError("gateway_upstream cannot be changed while the gateway runs: restart it.")
        if "gateway_accounts" in updated:
            self._pool.replace_accounts(read_account_file(settings))
        self._settings = settings
        self._gateways.clear()

    async def start(self) -> None:
        _spare_the_collector()
        if self._simulator_socket is not None:
            self._simulator = Simulator(sock=self._simulator_socket)
            await self._simulator.__aenter__()
            logger.warning("gateway_upstream=simulator: every answer is made up by the built-in simulator.")

    def stop(self, *, after: Collection[asyncio.Task[None]] = ()) -> None:
        """End connections once the tasks in `after` have ended; does not wait for it."""
        if self._simulator is None and self._simulator_socket is not None:
            self._simulator_socket.close()
        spawn(self._stop(after), name="stop the gateway")

    async def _stop(self, after: Collection[asyncio.Task[None]]) -> None:
        if after:
            await asyncio.wait(after)
        await self._transport.aclose()
        await self._media.aclose()
        await self._memory.aclose()
        if self._simulator is not None:
            await self._simulator.__aexit__(None, None, None)


def _spare_the_collector() -> None:
    """What imports made stays for good. Left to the collector, a full run takes 100 ms in which nobody is served;
    with all that put aside, it takes 22.
    """
    gc.collect()
    gc.freeze()


def check_mitmproxy_options() -> None:
    """Raises: StartError: an option of mitmproxy's own that the gateway cannot work with."""
    if ctx.options.stream_large_bodies:
        raise StartError(
            "stream_large_bodies cannot be used: requests would be passed on before they are read."
        )
    if ctx.options.connection_strategy != "lazy":
        # eager would open, for each client connection, one to the upstream that nobody uses
        ctx.options.update(connection_strategy="lazy")


def check_target(url: str) -> None:
    """Raises: StartError: the reverse target is an upstream of a kind that is not built yet."""
    for host, name in _NOT_GEMINI_API.items():
        if url.endswith(host):
            raise StartError(
                f"--mode reverse:{url}: {name} is not supported yet; the Gemini API is: {listener.GOOGLE}."
            )


def read_account_file(settings: Settings) -> tuple[Account, ...]:
    """Raises: StartError: there is no account that can pay."""
    path_text = ctx.options.gateway_accounts
    if not path_text:
        if settings.upstream is UpstreamKind.SIMULATOR:
            return _SIMULATED
        raise StartError(
            "There is no account to pay with: list one in accounts.yaml and add --set gateway_accounts=accounts.yaml, "
            "or try the gateway without one: --set gateway_upstream=simulator."
        )
    path = Path(path_text).expanduser()
    try:
        accounts = read_accounts(path)
    except AccountsFileError as error:
        raise StartError(str(error)) from None
    if readable_by_others(path):
        logger.warning("%s holds keys and can be read by other users of this machine: chmod 600 it.", path)
    if not any(not account.disabled for account in accounts):
        raise StartError(f"{path}: there is no account in it that is not disabled.")
    return accounts


def _memory(settings: Settings) -> SqliteMemory:
    named = ctx.options.gateway_state or str(Path(ctx.options.confdir) / STATE_FILE)
    return SqliteMemory(
        IN_MEMORY if named == "memory" else Path(named).expanduser(),
        clock=time.time,  # noqa: TID251  what is kept outlives the process, and so must its dates
        max_age=settings.state_days * 86_400.0,
        max_bytes=settings.state_megabytes * 1_000_000,
    )


def _bind_loopback() -> socket.socket:
    """Listening at once, so that requests wait for the simulator instead of being refused."""
    simulator = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    simulator.bind((listener.LOOPBACK, 0))
    simulator.listen(128)
    simulator.setblocking(False)
    return simulator


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()
    return f"http://{host}:{port}"
