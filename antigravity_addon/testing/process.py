"""The other end of `serving`: starts it, and has gateways run in it."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from .messages import COMMAND, REPLY, AskedRequest, Command, Failed, Look, Reply, Seen, Start, Started, Stop

_LONGEST_FAREWELL = 10.0
"""Seconds."""


class GatewayProcessError(Exception):
    """The gateway cannot be had; the message says why, in its own sentences."""


class GatewayProcess:
    """A process in which one gateway runs at a time. It ends with whoever has started it.

    State: the process.
    """

    def __init__(self, folder: Path) -> None:
        """Paths in settings count from `folder`."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        # -P: no module of the tested project's stands in for one of ours
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "antigravity_addon.testing.serving"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=folder,
        )
        self._turn = Lock()

    def start(self, settings: Sequence[str], *, replayed: Path | None) -> str:
        """End the gateway that runs, and start another one: the URL where it listens.

        Raises: GatewayProcessError.
        """
        reply = self._ask(Start(tuple(settings), "" if replayed is None else str(replayed)))
        if not isinstance(reply, Started):
            raise GatewayProcessError(reply.message if isinstance(reply, Failed) else "It has not started.")
        return reply.url

    def look(self) -> Seen:
        """What was asked of the gateway up to now."""
        return self._see(Look())

    def stop(self) -> Seen:
        """End the gateway. Whatever it writes is written then."""
        return self._see(Stop())

    def close(self) -> None:
        assert self._process.stdin is not None  # noqa: S101  it was asked for
        assert self._process.stdout is not None  # noqa: S101  as above
        self._process.stdin.close()
        try:
            self._process.wait(_LONGEST_FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _see(self, command: Command) -> Seen:
        reply = self._ask(command)
        return reply if isinstance(reply, Seen) else Seen()

    def _ask(self, command: Command) -> Reply:
        """Raises: GatewayProcessError: there is nobody who would answer."""
        assert self._process.stdin is not None  # noqa: S101  it was asked for
        assert self._process.stdout is not None  # noqa: S101  as above
        line = b""
        with self._turn:
            try:
                self._process.stdin.write(COMMAND.dump_json(command) + b"\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
            except BrokenPipeError:
                pass
        if not line:
            self._errors.seek(0)
            last = self._errors.read().decode(errors="replace").strip()
            raise GatewayProcessError(f"The process of the gateway has ended. Its last words:\n{last}")
        return REPLY.validate_json(line)


class RecordedGateway:
    """What a test sees of its gateway."""

    def __init__(self, url: str, process: GatewayProcess) -> None:
        self._process = process
        self.base_url = f"{url}/v1"
        """For any OpenAI client."""
        self.api_key = "any-text"
        """Clients want one. The gateway looks at none."""

    @property
    def environment(self) -> dict[str, str]:
        """For programs: `env={**os.environ, **gateway.environment}`."""
        return {
            "OPENAI_BASE_URL": self.base_url,
            "OPENAI_API_BASE": self.base_url,
            "OPENAI_API_KEY": self.api_key,
        }

    @property
    def requests(self) -> tuple[AskedRequest, ...]:
        """What clients have asked up to now, in the order in which they began."""
        return self._process.look().requests
