"""Where the gateway listens, settled while mitmproxy is already bringing its listeners up.

mitmproxy loads scripts in a task of its own, after it has read its listeners' modes and addresses and begun to
resolve these (seen in 12.2.3). Without a `--mode` it would open an ordinary proxy on port 8080, and a listener
without an address on all interfaces. So it is stopped before it opens a socket, and ours are opened instead.
What was given an address is open by then, be it an ordinary proxy: nobody is served there unless it was asked for.
"""
# pyright: reportPrivateUsage=false

import asyncio
import ipaddress
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable, Iterator

from mitmproxy import ctx
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode

PORT = 8045
LOOPBACK = "127.0.0.1"
_AT_ONCE, _WAITING_OUTSIDE = 8, 1024
"""New connections: those that are accepted in one round of the loop, and those that the system holds ready."""
GOOGLE = "https://generativelanguage.googleapis.com"


def proxyserver() -> Proxyserver:
    """The part of mitmproxy that listens."""
    addon = ctx.master.addons.get("proxyserver")
    assert isinstance(addon, Proxyserver)  # noqa: S101  every mitmproxy tool has one
    return addon


def has_reverse_mode() -> bool:
    return any(isinstance(ProxyMode.parse(mode), ReverseMode) for mode in ctx.options.mode)


def has_reverse_modes_only() -> bool:
    return all(isinstance(ProxyMode.parse(mode), ReverseMode) for mode in ctx.options.mode)


def upstream_url() -> str:
    """The reverse proxy's target: scheme, host and port."""
    for spec in ctx.options.mode:
        mode = ProxyMode.parse(spec)
        if isinstance(mode, ReverseMode):
            return url_of(mode)
    return GOOGLE


def open_mode(mode: ProxyMode) -> ProxyMode:
    """`mode` if there is a listener of it, or else the main one. A flow that comes from a file may
    name any other target: what accounts pay with must not go there.
    """
    return mode if is_wanted(mode) else main_mode()


def main_mode() -> ProxyMode:
    """The first that leads to an upstream."""
    modes = (ProxyMode.parse(spec) for spec in ctx.options.mode)
    return next(
        (mode for mode in modes if isinstance(mode, ReverseMode)), ProxyMode.parse(f"reverse:{GOOGLE}@{PORT}")
    )


def url_of(mode: ReverseMode) -> str:
    host, port = mode.address[0], mode.address[1]
    host = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}.get(mode.scheme)
    return f"{mode.scheme}://{host}" if port == default else f"{mode.scheme}://{host}:{port}"


def settle(*, target: str, allow_lan_access: bool) -> None:
    """Listen as a reverse proxy on port 8045 unless a reverse mode was given, on loopback unless told otherwise."""
    options = ctx.options
    if not has_reverse_mode():
        port = PORT if options.listen_port is None else options.listen_port
        options.update(mode=[f"reverse:{target}@{port}"])
    if not allow_lan_access and not options.listen_host:
        options.update(listen_host=LOOPBACK)


def hold() -> None:
    """Keep mitmproxy from opening listeners that nobody gave an address. `open_all` does what it would have done.

    A listener with an address of its own needs no name resolved and is open by now. Who has connected to it already has
    passed by the hook that would have looked at them.
    """
    servers = proxyserver().servers
    for early in writers(proxyserver()):
        early.transport.abort()
    if any(instance.mode.listen_host(ctx.options.listen_host) for instance in servers):
        return
    for task in asyncio.all_tasks():
        if task.get_name().startswith("setup_servers"):
            task.cancel()
            servers._instances.clear()  # noqa: SLF001  listeners that will never start


def connections_with_bytes_to_send() -> int:
    """Whose client has not taken all of its answer yet."""
    return sum(writer.transport.get_write_buffer_size() > 0 for writer in writers(proxyserver()))


def writers(server: Proxyserver) -> list[asyncio.StreamWriter]:
    """To whoever is connected by TCP."""
    return [
        io.writer
        for connection in server.connections.values()
        for io in connection.transports.values()
        if isinstance(io.writer, asyncio.StreamWriter)
    ]


def is_wanted(mode: ProxyMode) -> bool:
    """False for what mitmproxy opened before the gateway had its say: `open_all` closes it."""
    return mode in [ProxyMode.parse(spec) for spec in ctx.options.mode]


async def open_all() -> None:
    """Open what is wanted and close what is not. A port that is taken is logged as an error, which ends the start."""
    await proxyserver().setup_servers()
    _accept_few_at_once()


def _accept_few_at_once() -> None:
    """Of asyncio's own accord a hundred connections are accepted in one round of the loop, half a millisecond's work of mitmproxy
    each. It has a word for as many as that and for those that may wait outside, and no other. Where connections are accepted
    otherwise, as on Windows, nothing is done.
    """
    loop = asyncio.get_running_loop()
    begin: Callable[..., None] | None = getattr(loop, "_start_serving", None)
    if begin is None or not isinstance(loop, BaseSelectorEventLoop):
        return
    for instance in proxyserver().servers:
        for server in vars(instance).get("_servers", ()):
            if isinstance(server, asyncio.Server):
                for sock in vars(server)["_sockets"]:
                    sock.listen(_WAITING_OUTSIDE)
                    begin(vars(server)["_protocol_factory"], sock, None, server, _AT_ONCE)


def open_to_others() -> Iterator[tuple[ProxyMode, str]]:
    """Listeners that other machines can reach, each with its address."""
    for instance in proxyserver().servers:
        for host, port, *_ in instance.listen_addrs:
            if not is_loopback(host):
                yield instance.mode, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Of an IP address as a socket names it."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
