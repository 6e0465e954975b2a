"""One client request from its arrival to the last byte: attempts, rotation, waits, deadlines.

Until the first byte has gone to the client, a failed attempt is followed by another one, on another account
while there is one. From then on a failure ends the answer with an error that clients raise.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from antigravity_addon.accounts.account import Account
from antigravity_addon.accounts.policy import Nobody, Use, Wait
from antigravity_addon.accounts.pool import AccountPool
from antigravity_addon.errors import (
    AccountRefused,
    AccountsExhausted,
    RateLimited,
    UpstreamFailure,
    UpstreamTimeout,
)
from antigravity_addon.translate.events import Finished, TurnEvent
from antigravity_addon.translate.gemini import GeminiTurn
from antigravity_addon.upstream.endpoint import Endpoint
from antigravity_addon.upstream.transport import Transport
from antigravity_addon.wire.gemini import GenerateContentResponse
from antigravity_addon.wire.sse import ServerSentEvent, SseDecoder, StrayJson

from .client_stream import ClientStream, Head, Sink
from .dialects import Answer, Identity, Prepared, StreamedAnswer
from .settings import Settings
from .trace import AttemptRecord, Trace

LONGEST_WAIT = 20.0
"""Seconds that one exchange waits for cooling accounts at most. A client that is told `Retry-After` waits in its own
way, and can give up; one that hears nothing cannot."""


class Reader(Protocol):
    """Whoever reads an answer as it is written."""

    @property
    def committed(self) -> bool:
        """Has part of the answer already."""
        ...

    async def write(self, body: bytes) -> None: ...


type Attempt = Callable[[Account], Awaitable[bytes]]
"""Asks the upstream once, on one account, and gives the last bytes for the client."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Everything an exchange needs to reach a model."""

    endpoint: Endpoint
    pool: AccountPool
    transport: Transport


class Exchange:
    """Serves one prepared request.

    State: the accounts that had an attempt already, those of no further use, and the time spent waiting.
    """

    def __init__(
        self,
        prepared: Prepared,
        *,
        model: str,
        identity: Identity,
        upstream: Upstream,
        settings: Settings,
        trace: Trace,
        unix_time: Callable[[], float],
    ) -> None:
        self._prepared = prepared
        self._model = model
        self._identity = identity
        self._upstream = upstream
        self._settings = settings
        self._trace = trace
        self._unix_time = unix_time
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self._deadline = self._started + settings.request_timeout
        self._tried: set[str] = set()
        self._spent: set[str] = set()
        self._waited = 0.0
        self._account: Account | None = None

    async def stream(self, sink: Sink, head: Callable[[Account | None], Head]) -> None:
        """Send a stream of events as they come.

        Raises: UpstreamFailure: nothing has reached the client, and nothing will.
        """
        client = ClientStream(
            sink, head=lambda: head(self._account), keepalive_seconds=self._settings.keepalive_seconds
        )
        answer: StreamedAnswer | None = None

        async def attempt(account: Account) -> bytes:
            nonlocal answer
            answer = self._prepared.streamed(self._identity)
            client.upstream_is_silent = True
            try:
                return await self._attempt(account, answer, client)
            finally:
                client.upstream_is_silent = False

        client.start_keepalives()
        try:
            last = await self._attempts(attempt, may_retry=lambda: not client.committed)
            await client.write(last, end=True)
        except UpstreamFailure as failure:
            if answer is None or not client.committed:
                raise
            self._trace.error = failure.label
            await client.write(answer.error(failure), end=True)
        finally:
            client.stop_keepalives()

    async def whole(self) -> tuple[Account | None, bytes]:
        """The account that served, and the whole answer.

        Raises: UpstreamFailure: there will be none.
        """

        async def attempt(account: Account) -> bytes:
            return await self._attempt(account, self._prepared.whole(self._identity), _Nobody())

        answer = await self._attempts(attempt, may_retry=lambda: True)
        return self._account, answer

    async def _attempts(self, attempt: Attempt, may_retry: Callable[[], bool]) -> bytes:
        """The last bytes of the attempt that succeeded."""
        failure: UpstreamFailure | None = None
        for _ in range(self._settings.max_attempts):
            use = await self._next_account(failure)
            try:
                return await self._recorded(use, attempt)
            except UpstreamFailure as error:
                if not error.retryable or not may_retry() or self._clock() >= self._deadline:
                    raise
                failure = error
                self._tried.add(use.email)
                if error.spends_account and not error.worth_waiting:
                    self._spent.add(use.email)
        assert failure is not None  # noqa: S101  there is at least one attempt
        raise failure

    async def _recorded(self, use: Use, attempt: Attempt) -> bytes:
        """One attempt on a leased account, written into the trace whatever comes of it."""
        started = self._clock()
        outcome = "cancelled"
        try:
            with self._upstream.pool.lease(use, self._model) as lease:
                self._account = lease.account
                self._trace.account = use.email
                last = await attempt(lease.account)
            outcome = ""
            return last  # noqa: TRY300  an else would hide that the outcome is decided here
        except UpstreamFailure as failure:
            outcome = f"{failure.upstream_status or ''} {failure.code}".strip()
            raise
        finally:
            self._trace.attempts.append(AttemptRecord(use.email, self._clock() - started, outcome))

    async def _next_account(self, failure: UpstreamFailure | None) -> Use:
        """The account for the next attempt, waited for if a delay that the upstream stated allows it.

        Raises: UpstreamFailure: nobody can serve in time; the last `failure`, if there was one.
        """
        while True:
            decision = self._upstream.pool.decide(
                self._model, tried=frozenset(self._tried), spent=frozenset(self._spent)
            )
            match decision:
                case Use():
                    return decision
                case Wait(seconds=seconds) if self._may_wait(seconds):
                    self._waited += seconds
                    await asyncio.sleep(seconds)
                case Wait(seconds=seconds):
                    if failure is not None and not isinstance(failure, AccountRefused):
                        raise failure
                    raise RateLimited(
                        f"Every account is cooling down. Please try again in {seconds:.1f}s.",
                        retry_after=seconds,
                    )
                case Nobody():
                    raise failure or AccountsExhausted(
                        "No account can serve this request: each is disabled, or none is configured."
                    )

    def _may_wait(self, seconds: float) -> bool:
        return self._waited + seconds <= LONGEST_WAIT and self._clock() + seconds < self._deadline

    async def _attempt(self, account: Account, answer: Answer, reader: Reader) -> bytes:
        """Ask the upstream once and write its turn as it comes. Gives the last bytes, not written yet."""
        endpoint = self._upstream.endpoint
        request = endpoint.prepare(self._prepared.body, model=self._model, credential=account.credential)
        config = self._prepared.body.generation_config
        decoder, turn = SseDecoder(), GeminiTurn(may_be_empty=bool(config and config.stop_sequences))
        try:
            async with (
                asyncio.timeout_at(self._end_of_patience()) as timer,
                self._upstream.transport.open(request) as response,
            ):
                if response.status != 200:
                    body = await response.read_error()
                    raise self._classify(response.status, response.headers, body)
                async with aclosing(response.chunks()) as chunks:
                    async for chunk in chunks:
                        # a slow client is not the upstream's silence
                        timer.reschedule(self._deadline)
                        await self._pass_on(decoder.feed(chunk), turn, answer, reader)
                        timer.reschedule(self._end_of_patience())
        except TimeoutError as error:
            raise self._timed_out() from error
        await self._pass_on(decoder.finish(), turn, answer, reader)
        return self._written(turn.finish(), answer) + answer.finish()

    def _end_of_patience(self) -> float:
        return min(self._clock() + self._settings.first_token_timeout, self._deadline)

    def _timed_out(self) -> UpstreamTimeout:
        if self._clock() >= self._deadline:
            seconds = self._settings.request_timeout
            return UpstreamTimeout(f"The answer was not complete after {seconds:g} seconds.")
        return UpstreamTimeout(f"The upstream was silent for {self._settings.first_token_timeout:g} seconds.")

    async def _pass_on(
        self, items: Iterable[ServerSentEvent | StrayJson], turn: GeminiTurn, answer: Answer, reader: Reader
    ) -> None:
        """Upstream items -> turn events -> the client's bytes, in one write."""
        body = b""
        try:
            for chunk in self._unwrapped(items):
                body += self._written(turn.feed(chunk), answer)
        except UpstreamFailure:
            # what came in front of an error belongs to a client that has part of the answer already
            if body and reader.committed:
                await reader.write(body)
            raise
        if body:
            await reader.write(body)

    def _unwrapped(self, items: Iterable[ServerSentEvent | StrayJson]) -> Iterator[GenerateContentResponse]:
        for item in items:
            chunk = self._upstream.endpoint.unwrap(item, model=self._model, now=self._unix_time())
            if chunk is not None:
                yield chunk

    def _written(self, events: Iterable[TurnEvent], answer: Answer) -> bytes:
        body = b""
        for event in events:
            if self._trace.first_token_seconds is None:
                self._trace.first_token_seconds = self._clock() - self._started
            if isinstance(event, Finished):
                self._trace.usage = event.usage
            body += answer.feed(event)
        return body

    def _classify(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
        return self._upstream.endpoint.classify(
            status=status, headers=headers, body=body, model=self._model, now=self._unix_time()
        )


class _Nobody:
    """Reads the pieces of an answer that is only wanted whole."""

    committed = False

    async def write(self, body: bytes) -> None:
        pass
