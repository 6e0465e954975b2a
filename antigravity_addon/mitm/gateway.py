"""The addon: mitmproxy's hooks on one side, the gateway on the other. Decides nothing, and fails closed."""

import asyncio
import logging
from pathlib import Path
from weakref import WeakKeyDictionary

from mitmproxy import connection, ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers.modes import ReverseProxy
from mitmproxy.proxy.mode_specs import LocalMode, ProxyMode, ReverseMode
from mitmproxy.proxy.tunnel import LayerStack

from antigravity_addon.errors import GatewayStopping
from antigravity_addon.gateway.admission import Refusal
from antigravity_addon.gateway.clients import Client
from antigravity_addon.gateway.doors import Came
from antigravity_addon.gateway.known import Known
from antigravity_addon.gateway.settings import SettingsError
from antigravity_addon.gateway.tasks import spawn

from . import listener, operators_key, options
from .annotate import CLIENT_GONE, name_others
from .answer import LiveAnswer, failed_response, head_of, to_response
from .attempts import is_attempt, redact_replay
from .body_redaction import (
    has_lost_its_question,
    redact_all,
    redact_request,
    redacts_bodies,
    will_be_redacted,
)
from .bundle import Bundles
from .cassette import Recorder
from .client_reader import Crowd, read_in_pieces
from .client_tls import TLS_HANDSHAKE, StrictClientTls
from .commands import Commands
from .compose import Runtime, StartError
from .config_file import FILE_NAME, ConfigError, load_config_file, take_command_line
from .contentviews.registry import register_views
from .dispatch import Dispatch
from .drain import drain_of_the_process, give_signals_back, take_signals
from .patience import Patience
from .redaction import redact_keys, redact_misplaced_keys
from .replay import Replays, replays_under_way
from .replay_commands import ReplayCommands
from .request_stream import EncodedBody, LargeBody
from .retention import Retention
from .upstream_layer import InProcessHttpLayer, Wire, flows_under_way
from .web_focus import WebFocus

logger = logging.getLogger(__name__)

# Kept here, not in the addon: mitmproxy makes a new one when addon.py is saved, and streams go on.
_clients: WeakKeyDictionary[http.HTTPFlow, Client] = WeakKeyDictionary()
"""Flows whose head was found good, and whose they are: what was kept for a client is found by its key, and that is
taken out of the flow. Not in the flow's metadata, which is saved: no file should tell one client from another.
"""
_answers: dict[http.HTTPFlow, LiveAnswer] = {}
"""Answers under way. They know their flows, so only taking them out at the end frees both."""


class _UnderWay:
    """What the process still has to do, whichever addon has begun it."""

    def count(self) -> int:
        admitted = sum(flow in _clients for flow in flows_under_way())
        return admitted + replays_under_way() or listener.connections_with_bytes_to_send()

    def give_up(self) -> None:
        error = GatewayStopping("The gateway was stopped before this answer was complete. Please try again.")
        for answer in tuple(_answers.values()):
            answer.end(error)


UNDER_WAY = _UnderWay()

_stopping: set[asyncio.Task[None]] = set()
"""Gateways that end connections and keep what is left; connections outlive the addon when addon.py is saved."""


async def _stopped() -> None:
    loop = asyncio.get_running_loop()  # a process may have had another one before
    await asyncio.wait([task for task in _stopping if task.get_loop() is loop])


class GatewayAddon:
    name = "gateway"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        """Holds mitm-config.yaml."""
        self._runtime: Runtime | None = None
        """`None` if the options cannot be used; every request is then refused."""
        self._is_running = False
        self._patience = Patience()
        self._crowd = Crowd()
        self._replays = Replays(lambda: self._runtime, _clients)
        self.addons = [
            ReplayCommands(lambda: self._runtime, self._replays),
            Commands(lambda: self._runtime.operator if self._runtime is not None else None),
            Bundles(self._known),
            Recorder(),
            Retention(lambda: self._runtime.settings if self._runtime is not None else None),
            WebFocus(),
        ]
        """mitmproxy takes them with this one."""

    async def _known(self) -> Known:
        return await self._runtime.known() if self._runtime is not None else Known()

    # --- start, options, stop ---------------------------------------------------------------------------

    def load(self, loader: Loader) -> None:
        is_reload = "gateway_upstream" in ctx.options
        self._dispatch = Dispatch(loader.master.addons)
        options.declare(loader)
        register_views()
        if not is_reload:
            listener.hold()
        try:
            if not is_reload:
                given = take_command_line(options.NAMES)
                in_file = load_config_file(self._folder / FILE_NAME, keep=given)
                operators_key.say_where_others_see_it(
                    self._folder / FILE_NAME, is_in_file=operators_key.OPTION in in_file
                )
            self._runtime = Runtime.from_options()
            operators_key.conceal()
        except (ConfigError, SettingsError, StartError) as error:
            logger.error("%s", error)  # noqa: TRY400  a sentence for the operator; it stops the start

    def configure(self, updated: set[str]) -> None:
        if self._runtime is None or not self._is_running:
            return  # `load` reads everything itself
        try:
            self._runtime.reconfigure(updated)
            operators_key.conceal()
        except (SettingsError, StartError) as error:
            raise OptionsError(str(error)) from None

    def running(self) -> asyncio.Task[None]:
        """No coroutine function, which mitmproxy refuses when it reloads addon.py; at a start it awaits the task."""
        self._is_running = True
        self._dispatch.install()
        take_signals(self._stop)
        return spawn(self._start(), name="start the gateway")

    def _stop(self, number: int) -> None:
        seconds = self._runtime.settings.drain_seconds if self._runtime is not None else 0.0
        drain_of_the_process(UNDER_WAY).hear(number, seconds=seconds)

    async def _start(self) -> None:
        if self._runtime is not None:
            await self._runtime.start()
            self._patience.begin()
            await listener.open_all()
            self._say_who_is_let_in()

    def _say_who_is_let_in(self) -> None:
        if self._runtime is None:
            return
        doors = self._runtime.settings.doors
        for mode, address in listener.open_to_others():
            if not doors.is_open_to_others:
                logger.warning(
                    "%s is open on %s, and refuses other machines: gateway_allow_lan_access is off.",
                    mode.full_spec,
                    address,
                )
            elif not isinstance(mode, ReverseMode) and not ctx.options.proxyauth:
                logger.warning(
                    "%s is open on %s: other machines can use it to go wherever this one can. "
                    "Give it an address of this machine alone (@127.0.0.1:PORT).",
                    mode.full_spec,
                    address,
                )

    def done(self) -> asyncio.Task[None] | None:
        """The process ends, with what is under way; or addon.py was saved, and streams end in their own time.

        A task for the same reason as in `running`: mitmproxy waits for it at the end, and not when it reloads. At the end it is
        that of every gateway that was replaced, too: each has to keep what its last streams have used.
        """
        self._dispatch.remove()
        give_signals_back()
        self._patience.end()
        if self._runtime is None:
            return None
        is_the_end = ctx.master.should_exit.is_set()
        if is_the_end:
            redact_all()
            for answer in _answers.values():
                answer.drop()
        stopping = self._runtime.stop(after={answer.task for answer in _answers.values()})
        _stopping.add(stopping)
        stopping.add_done_callback(_stopping.discard)
        return spawn(_stopped(), name="stop all gateways") if is_the_end else stopping

    # --- connections ------------------------------------------------------------------------------------

    def client_connected(self, client: connection.Client) -> None:
        if isinstance(client.proxy_mode, LocalMode):
            return  # a program of this machine, whose connections the operator had redirected
        if not self._is_open(client.proxy_mode):
            client.error = "This listener is not open."
        elif isinstance(client.proxy_mode, ReverseMode) and client.transport_protocol != "tcp":
            # mitmproxy (12.2.3) listens there for HTTP/3 as soon as the target is https. Anybody can send a datagram in
            # another's name, who would be given the answer
            client.error = "The gateway is served by TCP alone."
        elif not self._may_connect(client):
            client.error = "Other machines may not use this gateway: gateway_allow_lan_access is off."
            logger.warning("%s was refused: gateway_allow_lan_access is off.", client.peername[0])
        elif isinstance(client.proxy_mode, ReverseMode) and (why := self._patience.take(client)) is not None:
            client.error = why
            logger.warning("%s was refused. %s", client.peername[0], why)
        elif isinstance(client.proxy_mode, ReverseMode):
            read_in_pieces(client, self._crowd)

    def client_disconnected(self, client: connection.Client) -> None:
        self._patience.let_go(client)

    def _is_open(self, mode: ProxyMode) -> bool:
        """Other modes are mitmproxy's own, and lead to the network: for nobody but whom they were opened for."""
        is_ready = self._runtime is not None or isinstance(mode, ReverseMode)
        return is_ready and listener.is_wanted(mode)

    def _may_connect(self, client: connection.Client) -> bool:
        """On any listener: through an ordinary proxy, other machines would reach this one's own addresses."""
        if self._runtime is None:
            return listener.is_loopback(client.peername[0])
        may = self._runtime.settings.doors.may_connect(client.peername[0])
        if not may:
            self._runtime.count_other_machine()
        return may

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        """Put the in-process upstream where the way to the real one would be, for every reverse-mode client."""
        context = nextlayer.context
        if not isinstance(context.layers[0], ReverseProxy) or not nextlayer.data_client():
            return
        # whoever was asked before us may have chosen the way to the network: the choice is ours alone
        del context.layers[1:]
        stack = LayerStack()
        if nextlayer.data_client().startswith(TLS_HANDSHAKE):
            stack /= StrictClientTls(context)
        stack /= InProcessHttpLayer(context, start_answer)
        nextlayer.layer = stack[0]

    # --- flows ------------------------------------------------------------------------------------------

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not _is_ours(flow) or flow.is_replay:
            return
        delay = 0.0
        try:
            if redacts_bodies():
                will_be_redacted(flow)
            redact_misplaced_keys(flow.request, self._is_client_key)
            delay = self._admit(flow)
        except Exception:
            logger.exception("A request's head could not be judged, so the request is refused.")
            flow.response = failed_response(flow.request)
        finally:
            redact_keys(flow)
        if delay:
            await asyncio.sleep(delay)

    def _is_client_key(self, word: str) -> bool:
        return self._runtime is not None and self._runtime.is_client_key(word)

    def _admit(self, flow: http.HTTPFlow) -> float:
        """Give the flow its client, or its refusal: the seconds that this is to wait."""
        if self._runtime is None:
            flow.response = failed_response(flow.request)
            return 0.0
        gateway = self._runtime.gateway_for(flow.client_conn.proxy_mode)
        is_stopping = drain_of_the_process(UNDER_WAY).has_begun
        came = Came(peer=flow.client_conn.peername[0], is_tls=flow.client_conn.tls_established)
        match gateway.admission.admit(head_of(flow.request, came=came), is_stopping=is_stopping):
            case Refusal(head=head, body=body, delay=delay):
                flow.response = to_response(head, body, flow.request)
                return delay
            case client:
                _clients[flow] = client
                return 0.0

    async def gateway_body(self, body: EncodedBody | LargeBody) -> None:
        await body.work()

    async def request(self, flow: http.HTTPFlow) -> None:
        """Replays come without a client connection, so they are answered here or would go to the network."""
        is_replayed = flow.live and flow.is_replay == "request" and flow.response is None
        if is_replayed and (_is_ours(flow) or is_attempt(flow) or has_lost_its_question(flow)):
            await self._replays.answer(flow)

    def start_answer(self, flow: http.HTTPFlow, wire: Wire) -> LiveAnswer | None:
        """The layer has the whole request. `None`: it was never let in, or its client is gone already."""
        handler = wire.handler
        if flow not in _clients or self._runtime is None or handler is None:
            return None
        gateway = self._runtime.gateway_for(flow.client_conn.proxy_mode)
        answer = LiveAnswer(flow, wire, gateway, client=_clients[flow], handler=handler)
        _answers[flow] = answer
        return answer

    def response(self, flow: http.HTTPFlow) -> None:
        if (answer := _answers.pop(flow, None)) is not None:
            answer.record(flow)
        elif flow.live and flow.is_replay == "request" and is_attempt(flow):
            redact_replay(flow)
        elif redacts_bodies() and _is_ours(flow):
            redact_request(flow)  # it was refused, or answered by another addon
        if _is_ours(flow):
            name_others(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        if (answer := _answers.pop(flow, None)) is not None:
            trace = answer.progress.trace
            trace.error = trace.error or CLIENT_GONE
            answer.record(flow)
            answer.progress.end()
        elif redacts_bodies() and _is_ours(flow):
            redact_request(flow)
        if _is_ours(flow):
            name_others(flow)


def start_answer(flow: http.HTTPFlow, wire: Wire) -> LiveAnswer | None:
    """Ask the addon of the day: connections outlive a reload of addon.py."""
    addon = ctx.master.addons.get(GatewayAddon.name)
    return addon.start_answer(flow, wire) if addon is not None else None


def _is_ours(flow: http.HTTPFlow) -> bool:
    """A client's. Flows that are loaded from a file pass through the same hooks, and so do our own upstream requests;
    the ones are not live, and the others are no client's.
    """
    return bool(flow.live) and isinstance(flow.client_conn.proxy_mode, ReverseMode) and not is_attempt(flow)
