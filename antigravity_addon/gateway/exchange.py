"""One client request from its arrival to the last byte, with as many turns of the model as its answer has choices."""

import asyncio
from collections.abc import Awaitable, Callable

from antigravity_addon.accounts.account import Account
from antigravity_addon.accounts.policy import Wish
from antigravity_addon.errors import GatewayStopping, UpstreamFailure, forget_frames

from .attempt import Conditions
from .attempts import Attempts
from .client_stream import ClientStream, Head, Sink
from .dialects.dialect import Identity, Prepared
from .ending import Ending
from .tasks import all_of
from .trace import Trace

MOST_TURNS_AT_ONCE = 8
"""Of one request with many choices: each is an upstream call, and the accounts are there for others, too."""


class Exchange:
    """Serves one prepared request."""

    def __init__(
        self,
        prepared: Prepared,
        *,
        wish: Wish,
        identity: Identity,
        conditions: Conditions,
        trace: Trace,
    ) -> None:
        """`wish` is what each attempt needs of an account."""
        self._prepared = prepared
        self._identity = identity
        self._settings = conditions.settings
        self._trace = trace
        self._turns = [
            Attempts(body, wish=wish, conditions=conditions, trace=trace, choice=number)
            for number, body in enumerate(prepared.bodies)
        ]

    async def stream(self, sink: Sink, head: Callable[[Account | None], Head], ending: Ending) -> None:
        """Send a stream of events as they come.

        Raises: UpstreamFailure, GatewayStopping: nothing has reached the client, and nothing will.
        """
        answer = self._prepared.streamed(self._identity)
        client = ClientStream(
            sink,
            # the account of whichever turn speaks first
            head=lambda: head(next((turn.account for turn in self._turns if turn.account), None)),
            # which is to be known before the head leaves with a keep-alive
            keep_alive=lambda: answer.keep_alive() if self._is_asking else None,
            keepalive_seconds=self._settings.keepalive_seconds,
        )

        async def only_turn() -> bytes:
            return await self._turns[0].run(lambda: answer.begin(0), client)

        async def one_of_many(index: int) -> None:
            reader = _ChoiceReader(client)
            last = await self._turns[index].run(lambda: answer.begin(index), reader)
            await client.write(last)

        client.start_keepalives()
        try:
            async with ending.heard():
                last = await only_turn() if len(self._turns) == 1 else await self._all(one_of_many)
                last += answer.finish()
                await self._prepared.keep()
                await client.write(last, end=True)
        except (UpstreamFailure, GatewayStopping) as failure:
            if not client.committed:
                raise
            self._trace.error = failure.label
            await client.write(answer.error(failure), end=True)
            forget_frames(failure)
        finally:
            client.stop_keepalives()

    async def whole(self) -> tuple[Account | None, bytes]:
        """The account that served (the first turn, where there are several), and the whole answer.

        Raises: UpstreamFailure: there will be none.
        """
        answer = self._prepared.whole(self._identity)

        async def turn(index: int) -> None:
            await self._turns[index].run(lambda: answer.begin(index), _Nobody())

        if len(self._turns) == 1:
            await turn(0)
        else:
            await self._all(turn)
        body = answer.finish()
        await self._prepared.keep()
        return self._turns[0].account, body

    @property
    def _is_asking(self) -> bool:
        return any(turn.is_asking for turn in self._turns)

    async def _all(self, turn: Callable[[int], Awaitable[None]]) -> bytes:
        """Every turn, some at a time.

        Raises: UpstreamFailure: as the first turn that failed.
        """
        places = asyncio.Semaphore(MOST_TURNS_AT_ONCE)

        async def in_its_place(index: int) -> None:
            async with places:
                await turn(index)

        await all_of(in_its_place, range(len(self._turns)))
        return b""


class _ChoiceReader:
    """Reads one of several choices: each can be tried again until something of itself is out."""

    def __init__(self, client: ClientStream) -> None:
        self._client = client
        self.committed = False

    async def write(self, body: bytes) -> None:
        self.committed = True
        await self._client.write(body)


class _Nobody:
    """Reads the pieces of an answer that is only wanted whole."""

    committed = False

    async def write(self, body: bytes) -> None:
        pass
