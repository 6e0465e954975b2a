"""The process in which tests' gateways run, one after the other: `python -m antigravity_addon.testing.serving`.

Commands come in through standard input; it ends with it. In a process of its own, a gateway is out of reach of what
tests do to theirs: sockets that are forbidden, clocks that stand still, event loops that come and go.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, assert_never

from mitmproxy import http

from antigravity_addon.gateway.recordings import Recording
from antigravity_addon.mitm.annotate import METADATA_KEY
from antigravity_addon.mitm.attempts import is_attempt
from antigravity_addon.mitm.cassette import read_recordings
from antigravity_addon.mitm.operator_files import StartError
from antigravity_addon.wire.openai_error import read_error

from .messages import COMMAND, REPLY, AskedRequest, Command, Failed, Look, Reply, Seen, Start, Started, Stop
from .running import ErrorLog, GatewayFailed, run_gateway


def main() -> None:
    # Ctrl-C is pytest's, which ends this process when it is ready to
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # whoever prints must not speak in between
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with TemporaryDirectory(prefix="gateway-") as folder:
        asyncio.run(_serve(Path(folder), sys.stdin.buffer, replies))


async def _serve(folder: Path, commands: BinaryIO, replies: BinaryIO) -> None:
    stage = _Stage(folder)
    try:
        while line := await asyncio.to_thread(commands.readline):
            reply = await stage.obey(COMMAND.validate_json(line))
            replies.write(REPLY.dump_json(reply) + b"\n")
            replies.flush()
    finally:
        await stage.clear()


class _Stage:
    """Where one gateway plays at a time.

    State: that gateway, and what is seen of it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = AsyncExitStack()
        self._clients = ClientFlows()
        self._log = ErrorLog()
        self._recordings: tuple[Recording, ...] = ()

    async def obey(self, command: Command) -> Reply:
        match command:
            case Start():
                await self.clear()
                try:
                    return Started(await self._start(command))
                except (GatewayFailed, StartError) as error:
                    return Failed(str(error))
            case Look():
                return self._seen()
            case Stop():
                await self.clear()
                return self._seen()
            case _:
                assert_never(command)

    async def _start(self, command: Start) -> str:
        """Raises: GatewayFailed, StartError."""
        self._clients, self._log = ClientFlows(), ErrorLog()
        self._recordings = read_recordings(Path(command.replayed)) if command.replayed else ()
        url = await self._running.enter_async_context(
            run_gateway(self._folder, command.settings, self._clients)
        )
        logging.getLogger().addHandler(self._log)
        self._running.callback(logging.getLogger().removeHandler, self._log)
        return url

    async def clear(self) -> None:
        await self._running.aclose()

    def _seen(self) -> Seen:
        flows = self._clients.flows
        unasked = (f"{each.name} {each.method} {each.path}" for each in _unasked(self._recordings, flows))
        return Seen(tuple(map(_asked, flows)), tuple(unasked), tuple(self._log.sentences))


class ClientFlows:
    """Collects what clients ask, from its first line on."""

    name = "client_flows"

    def __init__(self) -> None:
        self.flows: list[http.HTTPFlow] = []

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not is_attempt(flow):
            self.flows.append(flow)


def _asked(flow: http.HTTPFlow) -> AskedRequest:
    request, response = flow.request, flow.response
    code = message = ""
    if response is not None and response.status_code >= 400:
        try:
            error = read_error(response.get_content(strict=False) or b"")
            code, message = error.code or "", error.message
        except ValueError:
            pass  # some other addon's answer
    status = None if response is None else response.status_code
    body = request.get_content(strict=False) or b""
    return AskedRequest(request.method, request.path, body, status, code, message)


def _unasked(recordings: Sequence[Recording], flows: Iterable[http.HTTPFlow]) -> Sequence[Recording]:
    """An exchange has the seed of the recording that it was answered from, if it has come as far as to need one."""
    left = list(recordings)
    seeds = {recording.seed for recording in recordings} - {""}
    for flow in flows:
        seed = flow.metadata.get(METADATA_KEY, {}).get("seed")
        answers = (each for each in left if (each.seed == seed if seed in seeds else _is_of(each, flow)))
        if (answered := next(answers, None)) is not None:
            left.remove(answered)
    return left


def _is_of(recording: Recording, flow: http.HTTPFlow) -> bool:
    body = flow.request.get_content(strict=False) or b""
    return (recording.method, recording.path, recording.request) == (
        flow.request.method,
        flow.request.path,
        body,
    )


if __name__ == "__main__":
    main()
