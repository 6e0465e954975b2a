"""An upstream on a naked socket that does what the table of faults says, and remembers what it was asked."""

import asyncio
import re
import socket
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from . import tokens
from .faults import FAULTS, Answer, End, Pause, Step
from .texts import Question, question_in

_PATH = re.compile(
    rb"POST /(?:v1beta/|v1beta1/(?:projects/p-chaos/locations/global/)?publishers/google/)models/|"
    rb"(POST /v1internal:streamGenerateContent)"
)
"""The group is Code Assist's, which has an envelope around each chunk."""
TOKENS = "/token/"
"""Followed by what the account is known by, which its tokens begin with."""
_TOKENS = re.compile(rf"POST {TOKENS}([\w-]+)".encode())
_TOKEN_SECONDS = 2
"""For which a token lives, so that many are asked for."""
_PROJECT = b"POST /v1internal:loadCodeAssist "
_MOST_HEAD = 64 * 1024


class HostileUpstream:
    """Asks `plan` what becomes of each attempt at each request; attempts count from 0.

    State: what was asked and met so far, which accounts are dead, and which requests are settled.
    """

    def __init__(
        self,
        plan: Callable[[int, int], str],
        *,
        plan_tokens: Callable[[int], str] | None = None,
        accounts_die: bool = False,
    ) -> None:
        """`plan_tokens` says what becomes of each request for a token or a project; they count from 0, and are answered
        as they should be without it.

        `accounts_die`: one that was refused for its own sake is refused from then on.
        """
        self._plan = plan
        self._plan_tokens = plan_tokens or _sound
        self._asked_for_tokens = 0
        self._accounts_die = accounts_die
        self.met: defaultdict[int, list[str]] = defaultdict(list)
        """By the request's number, the fault of each attempt."""
        self.settled: set[int] = set()
        """Of these a client has heard a word."""
        self.late: list[int] = []
        """Settled ones that were asked again all the same, when no other attempt was under way."""
        self.beside: list[int] = []
        """Settled ones, when another was."""
        self.strays: list[bytes] = []
        """Request lines that no gateway should ever send."""
        self.dead: dict[str, str] = {}
        """Key or token -> the fault with which it fails."""
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._under_way: Counter[int] = Counter()
        """Attempts, by the request's number."""
        self._is_quiet = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self.hang_up()

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    async def hang_up(self) -> None:
        """End every connection."""
        tasks = set(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def relent(self) -> None:
        """Whoever asks for a token is given one from here on. A silent endpoint is asked again and again, for minutes."""
        self._plan_tokens = _sound

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        connection = _Connection(reader, writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._serve(connection):
                    pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, connection: "_Connection") -> bool:
        """One request; gives whether the connection is good for another one."""
        request = await connection.read_request()
        if request is None:
            return False
        if (steps := self._steps_beside(request)) is not None:
            await connection.read_rest(request)
            return await connection.play(steps, request)
        question, path = request.question, _PATH.match(request.line)
        if question is None or path is None:
            self.strays.append(request.line)
            return False
        name = self._next(question, request.key)
        if connection.is_doomed:
            self.met[question.number][-1] = name = "reset at once"
        pieces = question.pieces(len(self.met[question.number]) - 1)
        fault, answer = FAULTS[name], Answer(pieces, is_enveloped=path[1] is not None)
        self._under_way[question.number] += 1
        self._is_quiet.clear()
        try:
            if not fault.is_early:
                await connection.read_rest(request)
            return await connection.play(fault.steps(answer), request)
        finally:
            self._under_way[question.number] -= 1
            if not self._under_way.total():
                self._is_quiet.set()

    def _steps_beside(self, request: "_Request") -> Iterable[Step] | None:
        """Of a request that asks for something else than an answer."""
        account = _TOKENS.match(request.line)
        if account is None and not request.line.startswith(_PROJECT):
            return None
        name = self._plan_tokens(self._asked_for_tokens)
        self._asked_for_tokens += 1
        if account is None:
            return tokens.steps(name, {"currentTier": {"id": "t"}, "cloudaicompanionProject": "p-chaos"})
        grant = account[1].decode()
        name = self.dead.get(grant, name)
        if name == tokens.DEAD:
            self.dead[grant] = name
        return tokens.steps(
            name, {"access_token": f"{grant}.{self._asked_for_tokens}", "expires_in": _TOKEN_SECONDS}
        )

    async def quiet(self) -> None:
        """Until everything that is to be said has been said."""
        await self._is_quiet.wait()

    def _next(self, question: Question, key: str) -> str:
        """The fault of this attempt."""
        number = question.number
        if number in self.settled:
            (self.beside if self._under_way[number] else self.late).append(number)
        name = self.dead.get(key) or self._plan(number, len(self.met[number]))
        self.met[number].append(name)
        if self._accounts_die and FAULTS[name].is_of_account:
            self.dead[key] = name
        return name


def _sound(_number: int) -> str:
    return tokens.SOUND


class _Request:
    def __init__(self, line: bytes, key: str, length: int, body: bytes) -> None:
        self.line = line
        self.key = key
        self.left = length - len(body)
        """Bytes of the body that were not read yet."""
        self.question = question_in(body)


class _Connection:
    """State: whether its next request is to be reset."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.is_doomed = False

    async def read_request(self) -> _Request | None:
        """Its head, and as much of its body as it takes to know the question. `None`: there is none any more."""
        line = await self._reader.readline()
        if not line:
            return None
        fields: dict[bytes, bytes] = {}
        while (field := (await self._reader.readline()).rstrip()) != b"":
            name, _, value = field.partition(b":")
            fields[name.lower()] = value.strip()
        length, body = int(fields.get(b"content-length", b"0")), b""
        while len(body) < length and question_in(body) is None:
            piece = await self._reader.read(min(_MOST_HEAD, length - len(body)))
            if not piece:
                return None
            body += piece
        paid_with = fields.get(b"x-goog-api-key") or fields.get(b"authorization", b"").rpartition(b" ")[2]
        return _Request(line, paid_with.decode(), length, body)

    async def read_rest(self, request: _Request) -> None:
        while request.left:
            piece = await self._reader.read(min(_MOST_HEAD, request.left))
            if not piece:
                raise ConnectionResetError
            request.left -= len(piece)

    async def play(self, steps: Iterable[Step], request: _Request) -> bool:
        for step in steps:
            match step:
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                case End.CLOSE:
                    return False
                case End.RESET:
                    self._reset()
                    return False
                case End.SILENCE:
                    await self._gone()
                    return False
                case End.RESET_NEXT:
                    self.is_doomed = True
                case bytes():
                    self._writer.write(step)
                    await self._writer.drain()
                    # each write is to be a read of its own
                    await asyncio.sleep(0)
        await self.read_rest(request)
        return True

    async def _gone(self) -> None:
        while await self._reader.read(_MOST_HEAD):
            pass

    def _reset(self) -> None:
        """Ends the connection with a RST: closing is told to linger for no time at all."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
