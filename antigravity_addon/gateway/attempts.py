"""One turn of the model, asked for until somebody gives it: attempts, rotation, waits, hidden second requests.

Until the first byte has gone to the client, a failed attempt is followed by another one, on another account
while there is one. From then on a failure ends the answer with an error that clients raise.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    StreamTruncated,
    UpstreamFailure,
    UpstreamTimeout,
)
from antigravity_addon.translate.events import Finished, TurnEvent
from antigravity_addon.translate.gemini import GeminiTurn
from antigravity_addon.upstream.endpoint import Authorizer
from antigravity_addon.upstream.endpoints import Endpoints
from antigravity_addon.upstream.remedies import Lessons, Remedy, remedy_for
from antigravity_addon.upstream.transport import Transport
from antigravity_addon.wire.gemini import GenerateContentRequest, GenerateContentResponse
from antigravity_addon.wire.sse import ServerSentEvent, SseDecoder, StrayJson

from .dialects.dialect import Turn
from .settings import Settings
from .trace import AttemptRecord, Trace

LONGEST_WAIT = 20.0
"""Seconds that one turn waits for cooling accounts at most. A client that is told `Retry-After` waits in its own
way, and can give up; one that hears nothing cannot."""
MOST_HOPS = 20
"""Upstream requests that one long answer may take. Gemini gives 65,536 tokens a hop, and has room for 16 of them."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Everything it takes to reach a model."""

    endpoints: Endpoints
    authorizer: Authorizer
    pool: AccountPool
    transport: Transport
    lessons: Lessons


class Reader(Protocol):
    """Whoever reads a turn as it is written."""

    @property
    def committed(self) -> bool:
        """Has part of it already."""
        ...

    async def write(self, body: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a request must be over, by the event loop's clock."""

    at: float
    seconds: float
    """As the operator set it."""

    @property
    def is_over(self) -> bool:
        return asyncio.get_running_loop().time() >= self.at


class Attempts:
    """Asks for one turn.

    State: the accounts that had an attempt already, those of no further use, and the time spent waiting.
    """

    def __init__(
        self,
        body: GenerateContentRequest,
        *,
        model: str,
        upstream: Upstream,
        settings: Settings,
        deadline: Deadline,
        trace: Trace,
        unix_time: Callable[[], float],
    ) -> None:
        self._body = body
        self._model = model
        self._upstream = upstream
        self._settings = settings
        self._deadline = deadline
        self._trace = trace
        self._unix_time = unix_time
        self._clock = asyncio.get_running_loop().time
        self._tried: set[str] = set()
        self._spent: set[str] = set()
        self._waited = 0.0
        self.account: Account | None = None
        """Of the attempt under way, or of the last one."""
        self.is_asking = False
        """An attempt is under way."""

    async def run(self, begin: Callable[[], Turn], reader: Reader) -> bytes:
        """Write the turn as it comes; gives its last bytes, not written yet. `begin` starts it afresh for each attempt.

        Raises: UpstreamFailure: there will be none, or no more of it.
        """
        failure: UpstreamFailure | None = None
        for _ in range(self._settings.max_attempts):
            use = await self._next_account(failure)
            try:
                return await self._recorded(use, begin, reader)
            except UpstreamFailure as error:
                if not error.retryable or reader.committed or self._deadline.is_over:
                    raise
                failure = error
                self._tried.add(use.email)
                if error.spends_account and not error.worth_waiting:
                    self._spent.add(use.email)
        assert failure is not None  # noqa: S101  there is at least one attempt
        raise failure

    async def _recorded(self, use: Use, begin: Callable[[], Turn], reader: Reader) -> bytes:
        """One attempt on a leased account, written into the trace whatever comes of it."""
        started = self._clock()
        outcome = "cancelled"
        try:
            with self._upstream.pool.lease(use, self._model) as lease:
                self.account = lease.account
                self.is_asking = True
                self._trace.account = use.email
                last = await self._softened(lease.account, begin, reader)
            outcome = ""
            return last  # noqa: TRY300  an else would hide that the outcome is decided here
        except UpstreamFailure as failure:
            outcome = f"{failure.upstream_status or ''} {failure.code}".strip()
            raise
        finally:
            self.is_asking = False
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
        return self._waited + seconds <= LONGEST_WAIT and self._clock() + seconds < self._deadline.at

    async def _softened(self, account: Account, begin: Callable[[], Turn], reader: Reader) -> bytes:
        """Ask; and where Gemini refuses what the client need not know of, ask again without it."""
        lessons = self._upstream.lessons
        body = lessons.softened(self._body, self._model)
        remedies: list[Remedy] = []
        while True:
            try:
                last = await self._ask(account, body, begin(), reader)
            except UpstreamFailure as failure:
                remedy = None if reader.committed else remedy_for(failure, body)
                if remedy is None:
                    raise
                body = remedy.soften(body)
                remedies.append(remedy)
                self._trace.remedies.append(remedy.name)
            else:
                for remedy in remedies:
                    lessons.learn(self._model, remedy)
                return last

    async def _ask(self, account: Account, body: GenerateContentRequest, turn: Turn, reader: Reader) -> bytes:
        """Ask the upstream and write the turn as it comes; a long one takes several requests, one after the other."""
        config = body.generation_config
        gemini = GeminiTurn(may_be_empty=bool(config and config.stop_sequences))
        for _ in range(MOST_HOPS):
            try:
                await self._hop(account, body, gemini, turn, reader)
            except StreamTruncated:
                if gemini.checkpoint in {None, body.continuation_token}:
                    raise
            token = gemini.continuation or gemini.checkpoint
            if token in {None, body.continuation_token}:
                break
            gemini.next_hop()
            body = body.model_copy(update={"continuation_token": token})
        return self._written(gemini.finish(), turn)

    async def _hop(
        self,
        account: Account,
        body: GenerateContentRequest,
        gemini: GeminiTurn,
        turn: Turn,
        reader: Reader,
    ) -> None:
        """One upstream request, to the end of its answer."""
        authorization = await self._upstream.authorizer.authorize(account)
        self._endpoint = self._upstream.endpoints.of(account)
        request = self._endpoint.prepare(body, model=self._model, authorization=authorization)
        decoder = SseDecoder()
        try:
            async with (
                asyncio.timeout_at(self._end_of_patience()) as timer,
                self._upstream.transport.open(request) as response,
            ):
                if response.status != 200:
                    refusal = await response.read_error()
                    raise self._classify(response.status, response.headers, refusal)
                async with aclosing(response.chunks()) as chunks:
                    async for chunk in chunks:
                        # a slow client is not the upstream's silence
                        timer.reschedule(self._deadline.at)
                        await self._pass_on(decoder.feed(chunk), gemini, turn, reader)
                        timer.reschedule(self._end_of_patience())
        except TimeoutError as error:
            raise self._timed_out() from error
        await self._pass_on(decoder.finish(), gemini, turn, reader)

    def _end_of_patience(self) -> float:
        return min(self._clock() + self._settings.first_token_timeout, self._deadline.at)

    def _timed_out(self) -> UpstreamTimeout:
        if self._deadline.is_over:
            return UpstreamTimeout(f"The answer was not complete after {self._deadline.seconds:g} seconds.")
        return UpstreamTimeout(f"The upstream was silent for {self._settings.first_token_timeout:g} seconds.")

    async def _pass_on(
        self, items: Iterable[ServerSentEvent | StrayJson], gemini: GeminiTurn, turn: Turn, reader: Reader
    ) -> None:
        """Upstream items -> turn events -> the client's bytes, in one write."""
        body = b""
        try:
            for chunk in self._unwrapped(items):
                body += self._written(gemini.feed(chunk), turn)
        except UpstreamFailure:
            # what came in front of an error belongs to a client that has part of the answer already
            if body and reader.committed:
                await reader.write(body)
            raise
        if body:
            await reader.write(body)

    def _unwrapped(self, items: Iterable[ServerSentEvent | StrayJson]) -> Iterator[GenerateContentResponse]:
        for item in items:
            chunk = self._endpoint.unwrap(item, model=self._model, now=self._unix_time())
            if chunk is not None:
                yield chunk

    def _written(self, events: Iterable[TurnEvent], turn: Turn) -> bytes:
        body = b""
        for event in events:
            self._trace.heard_from_model()
            if isinstance(event, Finished):
                self._trace.add_usage(event.usage)
            body += turn.feed(event)
        return body

    def _classify(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
        return self._endpoint.classify(
            status=status, headers=headers, body=body, model=self._model, now=self._unix_time()
        )
