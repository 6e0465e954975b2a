"""mitmproxy's command `gateway.bundle`: an exchange in one file that can be given to strangers."""

import asyncio
import errno
import io as bytes_io
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from mitmproxy import command, ctx, http, io, types
from mitmproxy.exceptions import CommandError
from mitmproxy.flow import Flow
from mitmproxy.log import ALERT

from antigravity_addon.accounts.private_file import write_private
from antigravity_addon.gateway.known import Known
from antigravity_addon.gateway.tasks import spawn

from . import bundle_files
from .annotate import METADATA_KEY
from .body_redaction import is_redacted
from .bundle_flows import masked, masks_for
from .contentviews.linked import attempt_of, attempts_of, client_flow_of

logger = logging.getLogger(__name__)

_BODIES = "bodies="
_KEPT, _REDACTED = "kept", "redacted"


@dataclass(frozen=True, slots=True)
class _Exchange:
    client: http.HTTPFlow | None
    """`None` if it is not in the list any more."""
    attempts: tuple[http.HTTPFlow, ...]

    @property
    def flows(self) -> tuple[http.HTTPFlow, ...]:
        return (*(() if self.client is None else (self.client,)), *self.attempts)


@dataclass(frozen=True, slots=True)
class _Order:
    """All of a bundle that must be looked up at once; to write it takes a while."""

    client_flows: tuple[http.HTTPFlow, ...]
    flows: tuple[http.HTTPFlow, ...]
    path: Path
    name: str
    """Of the file, where `path` is a folder."""
    modes: tuple[str, ...]
    """Of listeners."""
    options: dict[str, object]
    with_bodies: bool


class Bundles:
    """An addon of its own, beside the hooks."""

    name = "gateway_bundles"

    def __init__(self, known: Callable[[], Awaitable[Known]]) -> None:
        """`known` are the secrets and names that must not be in a bundle."""
        self._known = known

    @command.command("gateway.bundle.bodies")
    def bodies(self) -> Sequence[str]:
        """What a bundle may hold of bodies."""
        return [_BODIES + _KEPT, _BODIES + _REDACTED]

    @command.command("gateway.bundle")
    @command.argument("path", type=types.Path)
    @command.argument("bodies", type=types.Choice("gateway.bundle.bodies"))
    def bundle(self, flows: Sequence[Flow], path: str = "", bodies: str = _BODIES + _KEPT) -> None:
        """Write exchanges, each with its upstream requests, into one ZIP file without secrets and account addresses, to
        attach to an issue. Prompts and answers are in it, unless bodies=redacted says otherwise."""
        if path.startswith(_BODIES):
            path, bodies = "", path
        if bodies not in self.bodies():
            raise CommandError(f"What is kept of bodies can only be {' or '.join(self.bodies())}.")
        order = _order(_exchanges(flows), path, with_bodies=bodies == _BODIES + _KEPT)
        spawn(self._write(order), name="write a bundle")

    async def _write(self, order: _Order) -> None:
        known = await self._known()
        try:
            path = await asyncio.to_thread(_write, order, known)
        except OSError as error:
            logger.error("%s cannot be written (%s).", order.path, error.strerror)  # noqa: TRY400  a sentence for the operator
            return
        said = "Prompts and answers are in it" if order.with_bodies else "It holds no prompt and no answer"
        logger.log(ALERT, "Wrote %s. %s; its README.txt says what was taken out.", path, said)


# --- what goes in ------------------------------------------------------------------------------------------


def _exchanges(flows: Sequence[Flow]) -> tuple[_Exchange, ...]:
    """Raises: CommandError: there is nothing that can be bundled."""
    chosen = [flow for flow in flows if isinstance(flow, http.HTTPFlow)]
    if not chosen:
        raise CommandError("Choose the flow of an exchange, such as @focus.")
    exchanges: dict[str, _Exchange] = {}
    for flow in chosen:
        attempt = attempt_of(flow)
        client = flow if attempt is None else client_flow_of(attempt)
        key = client.id if client is not None else flow.id
        linked = tuple(each.flow for each in attempts_of(client)) if client is not None else ()
        known = exchanges.get(key, _Exchange(client, linked))
        # an earlier attempt, which a replay has put out of sight
        extra = (flow,) if attempt is not None and flow not in known.attempts else ()
        exchanges[key] = _Exchange(client, (*known.attempts, *extra))
    if any(flow.live for exchange in exchanges.values() for flow in exchange.flows):
        raise CommandError("The exchange is still under way: wait for its end, or stop it.")
    return tuple(exchanges.values())


def _order(exchanges: tuple[_Exchange, ...], path: str, *, with_bodies: bool) -> _Order:
    flows = tuple(flow for exchange in exchanges for flow in exchange.flows)
    return _Order(
        client_flows=tuple(exchange.client for exchange in exchanges if exchange.client is not None),
        flows=tuple(_still(flow) for flow in flows),
        path=Path(path).expanduser(),
        name=f"gateway-bundle-{_name(flows[0])}.zip",
        modes=tuple(ctx.options.mode),
        options=bundle_files.changed_options(ctx.options),
        with_bodies=with_bodies and not any(is_redacted(flow) for flow in flows),
    )


def _still(flow: http.HTTPFlow) -> http.HTTPFlow:
    """What it is now, whatever an operator does with it meanwhile."""
    still = flow.copy()
    still.id = flow.id
    return still


def _name(flow: http.HTTPFlow) -> str:
    """The request id that the client was given."""
    attempt = attempt_of(flow)
    if attempt is not None:
        return flow.metadata["gateway_attempt"]["exchange"] or flow.id
    if METADATA_KEY in flow.metadata:
        return flow.metadata[METADATA_KEY].get("exchange") or flow.id
    return (flow.response.headers.get("x-request-id", "") if flow.response is not None else "") or flow.id


# --- writing -----------------------------------------------------------------------------------------------


def _write(order: _Order, known: Known) -> Path:
    """On a thread. Raises: OSError."""
    path = order.path / order.name if order.path.is_dir() else order.path
    try:
        whole = path.resolve()
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error)) from None  # no system has such names
    write_private(whole, _zip(_files(order, known)))
    return path


def _files(order: _Order, known: Known) -> dict[str, bytes]:
    masks = masks_for(order.flows, known, modes=order.modes)
    flows = tuple(masked(flow, masks, with_bodies=order.with_bodies) for flow in order.flows)
    ids = {flow.id for flow in order.client_flows}
    clients = tuple(flow for flow in flows if flow.id in ids)
    files = {
        "README.txt": bundle_files.readme(with_bodies=order.with_bodies).encode(),
        "session.mitm": _session(flows),
        "trace.json": bundle_files.trace(flows).encode(),
        "versions.txt": bundle_files.versions().encode(),
        "options.yaml": bundle_files.options_file(order.options, masks, home=Path.home()).encode(),
    }
    if order.with_bodies and clients:
        files |= {
            "request.sh": bundle_files.request_script(clients).encode(),
            **dict(bundle_files.request_bodies(clients)),
            "cassette/test_bundle.py": bundle_files.cassette_test(clients).encode(),
        }
    return files


def _session(flows: tuple[http.HTTPFlow, ...]) -> bytes:
    written = bytes_io.BytesIO()
    writer = io.FlowWriter(written)
    for flow in flows:
        writer.add(flow)
    return written.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    """Without dates, so that the same exchange makes the same file."""
    written = bytes_io.BytesIO()
    with ZipFile(written, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = ZipInfo(name)
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = (0o700 if name.endswith(".sh") else 0o600) << 16
            archive.writestr(entry, content)
    return written.getvalue()
