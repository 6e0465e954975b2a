"""The composition root: option values -> a gateway that runs, with everything it stands on."""

import asyncio
import gc
import logging
import random
import re
import socket
import time
from collections.abc import Collection, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from mitmproxy import ctx
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode

from antigravity_addon.accounts.clock import WakefulClock
from antigravity_addon.accounts.known_secrets import projects_of, secrets_of
from antigravity_addon.accounts.pool import AccountPool
from antigravity_addon.gateway.account_check import AccountCheck
from antigravity_addon.gateway.attempt import Upstream
from antigravity_addon.gateway.bookkeeping import Bookkeeping
from antigravity_addon.gateway.client_keys import ClientKey
from antigravity_addon.gateway.connections import TOKEN_FILE, USER_AGENT, Connections
from antigravity_addon.gateway.gateway import Gateway
from antigravity_addon.gateway.ground import RunningGateway
from antigravity_addon.gateway.keeper import Keeper
from antigravity_addon.gateway.key_strength import is_well_known
from antigravity_addon.gateway.known import Known
from antigravity_addon.gateway.legs import Direct
from antigravity_addon.gateway.operator import Operator
from antigravity_addon.gateway.prices import Prices, are_published_compiled, load_published
from antigravity_addon.gateway.recordings import Recordings
from antigravity_addon.gateway.resend import Resender
from antigravity_addon.gateway.settings import Rhythm, Settings, SettingsError, UpstreamKind, to_settings
from antigravity_addon.gateway.tasks import spawn
from antigravity_addon.state.forgiving import ForgivingMemory
from antigravity_addon.state.memory import Memory
from antigravity_addon.state.sqlite import SqliteMemory
from antigravity_addon.state.sqlite_file import IN_MEMORY, SqliteFile
from antigravity_addon.state.sqlite_pool_store import SqlitePoolStore
from antigravity_addon.state.steady import SteadyMemory
from antigravity_addon.upstream.endpoints import Endpoints
from antigravity_addon.upstream.remedies import Lessons
from antigravity_addon.upstream.web_media import WebMedia

from . import contentviews, listener, options
from .cassette import read_recordings
from .large_pages import move_into_large_pages
from .operator_files import Accounts, OperatorFiles, StartError, named_path

if TYPE_CHECKING:
    from antigravity_addon.simulator.server import Simulator

logger = logging.getLogger(__name__)

STATE_FILE = "gateway.sqlite"
_THE_REST_LATER = 2.0
"""Seconds after the start."""

_handed_over: set[asyncio.Event] = set()
"""Of gateways that end while another one begins, since addon.py was saved: set once what they know is kept."""


class Runtime:
    """A gateway and what it stands on, for one set of options after the other."""

    def __init__(
        self,
        settings: Settings,
        files: OperatorFiles,
        accounts: Accounts,
        simulator: socket.socket | None,
        recordings: Recordings | None,
    ) -> None:
        self._settings = settings
        self._files = files
        self._accounts = accounts
        clock = WakefulClock()
        self._pool = AccountPool(
            accounts.usable,
            clock=clock,
            unix_time=time.time,  # noqa: TID251  what is kept outlives the process, and so must its dates
            chance=random.random,
        )
        state = _state_file()
        self._memory = _steady_memory(state, settings)
        self._pool_store = SqlitePoolStore(state, unix_time=time.time)  # noqa: TID251  as above
        self._prices = Prices(files.prices)
        self._books = Bookkeeping(account_states=self._pool.reports, prices=self._prices)
        self._books.replace_keys(files.client_keys)
        self._keeper = Keeper(
            self._pool_store,
            self._pool,
            self._books.ledger,
            unix_time=time.time,  # noqa: TID251  as above
        )
        self._simulator_socket = simulator
        self._simulator: Simulator | None = None
        self._connections = Connections(
            target=_url(simulator) if simulator is not None else listener.upstream_url(),
            token_file=None if state.path == IN_MEMORY else Path(state.path).parent / TOKEN_FILE,
            clock=clock,
        )
        self.operator = Operator(
            RunningGateway(
                self._pool,
                self._keeper,
                lambda: self._accounts.unusable,
                unix_time=time.time,  # noqa: TID251  as above
            ),
            time.time,  # noqa: TID251  as above
            AccountCheck(self._connections, unix_time=time.time),  # noqa: TID251  as above
        )
        self._lessons = Lessons()
        self._recordings = recordings
        self._replaced: list[Recordings] = []
        """That exchanges under way may still be answered from."""
        self._media = WebMedia(user_agent=USER_AGENT)
        self._gateways: dict[ProxyMode, Gateway] = {}
        self._watch: asyncio.Task[None] | None = None
        self._rest: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        """What was kept of before is known. A listener that was given an address is open before that."""

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
        files = OperatorFiles(simulator_url=target if simulator is not None else None)
        try:
            accounts = files.read_accounts(settings)
            check_fixed_account(settings, accounts)
            files.read_client_keys()
            check_client_keys(settings, files.client_keys)
            files.read_prices()
            recordings = _recordings(settings)
        except (SettingsError, StartError):
            if simulator is not None:
                simulator.close()
            raise
        listener.settle(target=target, allow_lan_access=settings.doors.lan)
        return cls(settings, files, accounts, simulator, recordings)

    async def known(self) -> Known:
        """What must not get into a text for strangers."""
        accounts = self._files.every_account
        api_key = options.read().api_key
        secrets = [secret for account in accounts for secret in secrets_of(account)]
        secrets += await self._connections.secrets()
        return Known(
            emails=self.operator.emails,
            projects=(
                *(project for account in accounts for project in projects_of(account)),
                *self._connections.authorizer.found_projects(),
            ),
            secrets=tuple(
                dict.fromkeys(filter(None, (api_key, *(each.get_secret_value() for each in secrets))))
            ),
            client_keys=frozenset(key.hash for key in self._files.client_keys),
        )

    @property
    def settings(self) -> Settings:
        return self._settings

    def is_client_key(self, word: str) -> bool:
        return self._books.keys.is_one(word, self._settings)

    def gateway_for(self, mode: ProxyMode) -> Gateway:
        """The gateway behind a listener: each reverse target is an upstream of its own."""
        if mode not in self._gateways:
            upstream = Upstream(
                Endpoints(target=self._upstream_url(mode), user_agent=USER_AGENT),
                self._connections.authorizer,
                self._pool,
                Direct(self._connections.transport),
                self._lessons,
                chance=random.random,
            )
            self._gateways[mode] = Gateway(
                self._settings,
                upstream,
                memory=self._memory,
                media=self._media,
                books=self._books,
                ready=self._ready,
                recordings=self._recordings,
            )
        return self._gateways[mode]

    def resender_for(self, mode: ProxyMode) -> Resender:
        """For upstream requests that an operator sends once more; `mode` as in `gateway_for`."""
        return Resender(
            Endpoints(target=self._upstream_url(mode), user_agent=USER_AGENT),
            self._connections.authorizer,
            self._pool,
            self._connections.transport,
            self._settings,
        )

    def _upstream_url(self, mode: ProxyMode) -> str:
        if self._simulator_socket is not None:
            return _url(self._simulator_socket)
        return listener.url_of(mode) if isinstance(mode, ReverseMode) else listener.upstream_url()

    def reconfigure(self, updated: set[str]) -> None:
        """Take changed options; exchanges under way end under the old ones.

        Raises: SettingsError, StartError: nothing was changed.
        """
        if updated & {"stream_large_bodies", "connection_strategy", "keep_host_header", "proxy_debug"}:
            check_mitmproxy_options()
        if not updated & options.NAMES:
            return
        settings = to_settings(options.read())
        if settings.upstream is not self._settings.upstream:
            raise StartError("gateway_upstream cannot be changed while the gateway runs: restart it.")
        accounts = (
            self._files.read_accounts(settings)
            if updated & {"gateway_accounts", "gateway_replay"}
            else self._files.accounts(settings)
        )
        check_fixed_account(settings, accounts)
        if "gateway_client_keys" in updated:
            self._files.read_client_keys()
        check_client_keys(settings, self._files.client_keys)
        if updated & {"gateway_replay", "gateway_replay_ignore", "gateway_replay_rhythm"}:
            recordings = _recordings(settings)
            if self._recordings is not None:
                self._replaced.append(self._recordings)
            self._recordings = recordings
        if "gateway_prices" in updated:
            self._files.read_prices()
        self._settings = settings
        self._gateways.clear()
        self._take_accounts(accounts)
        self._take_keys()
        self._take_prices()

    def _take_accounts(self, accounts: Accounts) -> None:
        if accounts != self._accounts:
            self._accounts = accounts
            self._files.say_what_is_wrong(accounts)
            self._pool.replace_accounts(accounts.usable)

    def _take_keys(self) -> None:
        try:
            check_client_keys(self._settings, self._files.client_keys)
        except StartError as error:
            logger.error("%s The client keys stay as they were.", error)  # noqa: TRY400  a sentence for the operator
            return
        self._books.replace_keys(self._files.client_keys)

    def count_other_machine(self) -> None:
        """One that was not let in, as soon as it had connected."""
        self._books.metrics.count_refusal("other_machine")

    def _take_prices(self) -> None:
        self._prices.replace(self._files.prices)

    async def start(self) -> None:
        if not await asyncio.to_thread(are_published_compiled):
            # nobody is served yet whom it would hold up
            await asyncio.to_thread(load_published)
        _spare_the_collector()
        for event in tuple(_handed_over):
            await event.wait()
        try:
            await self._keeper.begin()
        finally:
            self._ready.set()
        self._watch = spawn(
            self._files.watch(
                accounts_changed=lambda: self._take_accounts(self._files.accounts(self._settings)),
                keys_changed=self._take_keys,
                prices_changed=self._take_prices,
            ),
            name="watch the operator's files",
        )
        spawn(asyncio.to_thread(_move_into_large_pages), name="move into large pages")
        self._rest = spawn(_have_the_rest_at_hand(), name="import what was left out at the start")
        if self._simulator_socket is not None:
            # 100 ms of imports that only this upstream needs, and from_options had them
            from antigravity_addon.simulator.server import Simulator  # noqa: PLC0415

            self._simulator = Simulator(sock=self._simulator_socket)
            await self._simulator.__aenter__()
            logger.warning("gateway_upstream=simulator: every answer is made up by the built-in simulator.")

    def stop(self, *, after: Collection[asyncio.Task[None]] = ()) -> asyncio.Task[None]:
        """End connections once the tasks in `after` have ended, and keep what is left; the task ends with it."""
        if self._simulator is None and self._simulator_socket is not None:
            self._simulator_socket.close()
        return spawn(self._stop(after), name="stop the gateway")

    async def _stop(self, after: Collection[asyncio.Task[None]]) -> None:
        await self._hand_over()
        for task in (self._watch, self._rest):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        if after:
            await asyncio.wait(after)
        await self._keeper.aclose()
        await self._connections.aclose()
        await self._media.aclose()
        await self._memory.aclose()
        for recordings in (*self._replaced, self._recordings):
            if recordings is not None:
                await recordings.memory.aclose()
        await self._pool_store.aclose()
        if self._simulator is not None:
            await self._simulator.__aexit__(None, None, None)

    async def _hand_over(self) -> None:
        """What is known so far is kept before a successor asks for it; streams that go on may take hours."""
        handed_over = asyncio.Event()
        _handed_over.add(handed_over)
        try:
            if self._ready.is_set():
                await self._keeper.sync()
        finally:
            handed_over.set()
            _handed_over.discard(handed_over)


async def _have_the_rest_at_hand() -> None:
    """What the first answer does not need, on a thread: not from the very start, which is busy enough, and not when it is
    wanted, which would let everybody else wait."""
    await asyncio.sleep(_THE_REST_LATER)
    await asyncio.to_thread(load_published)
    await asyncio.to_thread(import_module, f"{contentviews.__name__}.texts")


_move_into_large_pages = cache(move_into_large_pages)
"""Once in a process: what stays is there from its start, and not much else by then."""

_YOUNG_OBJECTS = 20_000
"""For the garbage collector to begin a run. An exchange makes thousands, and leaves none to it (`tests/e2e/test_garbage.py`):
with Python's 2,000 its runs took a twentieth of a busy gateway's time, and found nothing."""


@cache
def _spare_the_collector() -> None:
    """What imports made stays for good. Left to the collector, a full run takes 100 ms in which nobody is served;
    with all that put aside, it takes 22. Not after such a run, which finds 30 objects among 170,000.

    Once in a process: of a gateway that another one follows, nothing should stay.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])


def check_mitmproxy_options() -> None:
    """Raises: StartError: an option of mitmproxy's own that the gateway cannot work with."""
    if ctx.options.stream_large_bodies:
        raise StartError(
            "stream_large_bodies cannot be used: requests would be passed on before they are read."
        )
    if not ctx.options.keep_host_header:
        # the upstream's name would stand where the gateway looks for what the client called it
        ctx.options.update(keep_host_header=True)
    if ctx.options.connection_strategy != "lazy":
        # eager would open, for each client connection, one to the upstream that nobody uses
        ctx.options.update(connection_strategy="lazy")
    if ctx.options.onboarding and listener.has_reverse_modes_only():
        # mitm.it hands out certificates to users of an ordinary proxy, and looks at every request for its name
        ctx.options.update(onboarding=False)
    if ctx.options.proxy_debug:
        logger.warning("proxy_debug writes into the log whatever clients send, their keys included.")


def check_fixed_account(settings: Settings, accounts: Accounts) -> None:
    """Raises: StartError: nobody would ever pay."""
    email = settings.fixed_account
    if email and email not in {account.email for account in accounts.usable}:
        raise StartError(f"gateway_fixed_account: {email!r} is none of the accounts that can be used.")


def check_client_keys(settings: Settings, keys: Collection[ClientKey]) -> None:
    """Raises: StartError: others than this machine could guess one."""
    if not settings.doors.is_open_to_others:
        return
    for key in keys:
        if is_well_known(key.hash):
            raise StartError(
                f"The client key {key.name!r} is one that stands in tutorials, which is too easy to guess for a gateway "
                "that other machines can reach: `uv run antigravity keys add NAME` makes a good one."
            )


def _state_file() -> SqliteFile:
    named = ctx.options.gateway_state or str(Path(ctx.options.confdir) / STATE_FILE)
    return SqliteFile(IN_MEMORY if named == "memory" else named_path("gateway_state", named))


def _recordings(settings: Settings) -> Recordings | None:
    """Raises: StartError: there are none where they should be."""
    if not settings.answers_from_recordings:
        return None
    path = named_path("gateway_replay", ctx.options.gateway_replay)
    return Recordings(
        read_recordings(path),
        source=path.name,
        # what is kept meanwhile is the recording's, and no client's
        memory=_memory(SqliteFile(IN_MEMORY), settings, kind=ForgivingMemory),
        keeps_rhythm=settings.replay_rhythm is Rhythm.RECORDED,
        ignored=_patterns(ctx.options.gateway_replay_ignore),
    )


def _patterns(written: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    """Raises: StartError: one is none."""
    try:
        return tuple(re.compile(each) for each in written)
    except re.error as error:
        raise StartError(
            f"gateway_replay_ignore: {error.pattern!r} is no regular expression: {error.msg}."
        ) from None


def _memory[M: SqliteMemory](file: SqliteFile, settings: Settings, kind: type[M] = SqliteMemory) -> M:
    return kind(
        file,
        clock=time.time,  # noqa: TID251  what is kept outlives the process, and so must its dates
        max_age=settings.state_days * 86_400.0,
        max_bytes=settings.state_megabytes * 1_000_000,
    )


def _steady_memory(file: SqliteFile, settings: Settings) -> Memory:
    return SteadyMemory(
        _memory(file, settings), lambda: _memory(SqliteFile(IN_MEMORY), settings), clock=time.monotonic
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
