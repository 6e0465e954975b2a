"""One attempt at a turn, on one leased account: the upstream asked, to the end of what it says.

Within the attempt the same account is asked again where that helps: with a new access token, or without what the
upstream refused and the client need not know of. A long answer takes several requests, one after the other.
"""

import asyncio
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import aclosing, contextmanager
from copy import replace
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Protocol

from antigravity_addon.accounts.pool import AccountPool, Lease
from antigravity_addon.errors import (
    AccountRefused,
    StreamTruncated,
    TokenUnavailable,
    UpstreamFailure,
    UpstreamTimeout,
)
from antigravity_addon.translate.events import Finished, TurnEvent, Usage
from antigravity_addon.translate.gemini import GeminiTurn
from antigravity_addon.upstream.authorize import REST_AFTER_TWO_401S
from antigravity_addon.upstream.endpoint import Authorization, Authorizer, UpstreamRequest
from antigravity_addon.upstream.endpoints import Endpoints
from antigravity_addon.upstream.remedies import Lessons, Remedy, remedy_for
from antigravity_addon.views.masks import without, without_personal_links
from antigravity_addon.wire.gemini import GenerateContentRequest
from antigravity_addon.wire.sse import ServerSentEvent, SseDecoder, StrayJson

from .deadline import Deadline, SilenceLimit
from .dialects.dialect import Turn
from .legs import Carrier, Leg, Through, unseen
from .prices import Prices
from .settings import Settings
from .tasks import LARGE, beside_the_loop, others_first

MOST_HOPS = 20
"""Upstream requests that one long answer may take. Gemini gives 65,536 tokens a hop, and has room for 16 of them."""
LONGEST_FOR_A_TOKEN = 15.0
"""Seconds for which one attempt waits for an access token."""
_AT_ONCE = 256
"""Items of the upstream's that are read, and events that are written, before others have their turn."""
_REST_FOR_A_TOKEN = 5.0
"""Seconds until the account is asked again, whose token may be there by then."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Everything it takes to reach a model."""

    endpoints: Endpoints
    authorizer: Authorizer
    pool: AccountPool
    carrier: Carrier
    lessons: Lessons
    chance: Callable[[], float]
    """Numbers in [0, 1), for waits of uneven length."""


class Reader(Protocol):
    """Whoever reads a turn as it is written."""

    @property
    def committed(self) -> bool:
        """Has part of it already."""
        ...

    async def write(self, body: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which one request is served."""

    upstream: Upstream
    settings: Settings
    deadline: Deadline
    unix_time: Callable[[], float]
    prices: Prices
    size: int
    """Bytes that its turns were made of."""
    through: Through = unseen
    """Whoever looks on."""


class Attempt:
    """State: the turn as far as it is written, which begins with the first event, and what was given up for it."""

    def __init__(
        self,
        lease: Lease,
        conditions: Conditions,
        *,
        begin: Callable[[], Turn],
        reader: Reader,
        heard: Callable[[], None],
        number: int = 1,
        choice: int = 0,
    ) -> None:
        """`begin` starts the client's turn afresh. `heard` is called at the first event, before anything is written of it.

        `number` is the attempt's in its exchange, `choice` that of the turn in its answer.
        """
        self.lease = lease
        self._upstream = conditions.upstream
        self._carrier = conditions.through(self._upstream.carrier)
        self._endpoint = self._upstream.endpoints.of(lease.account)
        self._settings = conditions.settings
        self._deadline = conditions.deadline
        self._unix_time = conditions.unix_time
        self._prices = conditions.prices
        self._asked_size = conditions.size
        self._begin = begin
        self._reader = reader
        self._heard = heard
        self.number = number
        self.choice = choice
        self._hops = 0
        """Upstream requests so far."""
        self.token_seconds = 0.0
        """Spent on access tokens."""
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self._turn: Turn | None = None
        self._size = 0
        """Of what was sent, in bytes."""
        self.first_token_seconds: float | None = None
        """From the attempt's start."""
        self.usage: Usage | None = None
        """What the upstream counted, of every request that was sent; of one that was cut off, as far as it was told."""
        self.cost: Decimal | None = None
        """US dollars, for that; `None` if nobody knows."""
        self.remedies: list[Remedy] = []
        self._asked = GenerateContentRequest(contents=())

    @property
    def requests(self) -> int:
        """That were sent so far."""
        return self._hops

    @property
    def seconds(self) -> float:
        """Since its start."""
        return self._clock() - self._started

    async def run(self, body: GenerateContentRequest) -> bytes:
        """Write the turn as it comes; gives its last bytes, not written yet.

        Raises: UpstreamFailure: there will be none, or no more of it.
        """
        lessons, model = self._upstream.lessons, self.lease.model
        self._asked = body
        body = lessons.softened(body, model)
        while True:
            try:
                last = await self._authorized(body)
            except UpstreamFailure as failure:
                remedy = None if self._reader.committed else remedy_for(failure, body)
                if remedy is None:
                    raise
                body = remedy.soften(body)
                self.remedies.append(remedy)
            else:
                for remedy in self.remedies:
                    lessons.learn(model, remedy)
                return last

    async def _authorized(self, body: GenerateContentRequest) -> bytes:
        """Ask; and if the access token is refused, once more with a new one."""
        authorization = await self._authorize()
        try:
            return await self._ask(body, authorization)
        except AccountRefused as failure:
            if failure.upstream_status != 401 or self._reader.committed:
                raise
            if not self._upstream.authorizer.reject(self.lease.account, authorization):
                raise
        try:
            return await self._ask(body, await self._authorize())
        except AccountRefused as failure:
            if failure.upstream_status == 401:
                failure.rest = REST_AFTER_TWO_401S
            raise

    async def _authorize(self) -> Authorization:
        """A token that takes long is made all the same, for whoever comes next; this request goes to another account."""
        at_hand = self._upstream.authorizer.at_hand(self.lease.account)
        if at_hand is not None:
            # a timer for nothing takes a fiftieth of a short exchange
            return at_hand
        began = self._clock()
        try:
            async with asyncio.timeout_at(min(began + LONGEST_FOR_A_TOKEN, self._deadline.at)):
                return await self._upstream.authorizer.authorize(self.lease.account)
        except TimeoutError as error:
            if self._deadline.is_over:
                raise self._deadline.missed() from error
            late = TokenUnavailable("The account's access token could not be made in time.")
            late.rest = _REST_FOR_A_TOKEN
            raise late from error
        finally:
            self.token_seconds += self._clock() - began

    async def _ask(self, body: GenerateContentRequest, authorization: Authorization) -> bytes:
        config = body.generation_config
        gemini = GeminiTurn(may_be_empty=bool(config and config.stop_sequences))
        self._turn = None
        is_over = False
        try:
            last = await self._follow(body, authorization, gemini)
            is_over = True
        except UpstreamFailure as failure:
            # some repeat what they were paid with
            failure.conceal(lambda words: _without_secrets(words, authorization))
            if self._turn is not None and not self._reader.committed:
                # nothing of it has gone out: a sign of life, until another is begun, must not go on from there
                self._begin()
            raise
        finally:
            # what was cut off is paid for as well
            if is_over or gemini.usage != Usage():
                self._count(gemini.usage)
        return last

    def _count(self, usage: Usage) -> None:
        is_first = self.usage is None
        self.usage = (self.usage or Usage()) + usage
        price = self._price(usage)
        if price is None:
            self.cost = None
        elif is_first:
            self.cost = price
        elif self.cost is not None:
            self.cost += price

    def _price(self, usage: Usage) -> Decimal | None:
        account, at = self.lease.account, datetime.fromtimestamp(self._unix_time(), UTC)
        cost = self._prices.cost(self.lease.model, usage, account.upstream, at=at)
        return None if cost is None else cost.total

    async def _follow(
        self, body: GenerateContentRequest, authorization: Authorization, gemini: GeminiTurn
    ) -> bytes:
        """The answer, over as many requests as it takes."""
        for _ in range(MOST_HOPS):
            request = await self._prepared(body, authorization)
            self._size = len(request.body)
            try:
                await self._hop(request, gemini, is_as_asked=body is self._asked)
            except StreamTruncated:
                if gemini.checkpoint in {None, body.continuation_token}:
                    raise
            token = gemini.continuation or gemini.checkpoint
            if token in {None, body.continuation_token}:
                break
            gemini.next_hop()
            body = replace(body, continuation_token=token)
        ending = (_concealed(event, authorization) for event in gemini.finish())
        return b"".join(map(self._written, ending))

    async def _prepared(self, body: GenerateContentRequest, authorization: Authorization) -> UpstreamRequest:
        return await beside_the_loop(
            lambda: self._endpoint.prepare(body, model=self.lease.model, authorization=authorization),
            size=self._asked_size,
        )

    async def _hop(self, request: UpstreamRequest, gemini: GeminiTurn, *, is_as_asked: bool) -> None:
        """One upstream request, to the end of its answer."""
        decoder = SseDecoder.of_upstream()
        await others_first()
        try:
            async with (
                SilenceLimit(self._settings.first_token_timeout, self._deadline) as silence,
                self._carrier.carry(request, self._next_leg(silence, is_as_asked=is_as_asked)) as response,
            ):
                if response.status != 200:
                    refusal = await response.read_error()
                    raise self._classify(response.status, response.headers, refusal)
                async with aclosing(response.chunks()) as chunks:
                    async for chunk in chunks:
                        # a slow client is not the upstream's silence
                        silence.stop_listening()
                        await self._pass_on(decoder.feed(chunk), gemini)
                        silence.listen()
                silence.stop_listening()
                await others_first()
                await self._pass_on(decoder.finish(), gemini)
                if gemini.continuation is None and gemini.checkpoint is None:
                    # whoever looks on is to see that it is not whole
                    gemini.check()
        except TimeoutError as error:
            raise self._timed_out() from error
        finally:
            # a failure is kept while others are asked, and this frame with it
            decoder.let_go()

    def _next_leg(self, silence: SilenceLimit, *, is_as_asked: bool) -> Leg:
        self._hops += 1
        return Leg(
            self.lease.account,
            self.lease.model,
            attempt=self.number,
            hop=self._hops,
            choice=self.choice,
            asked=self._asked,
            is_as_asked=is_as_asked,
            held=lambda: self._held(silence),
            missed=lambda: self._timed_out() if silence.is_over else None,
        )

    @contextmanager
    def _held(self, silence: SilenceLimit) -> Generator[None]:
        """For as long as this lasts, nobody's patience ends."""
        began = self._clock()
        with silence.held():
            try:
                yield
            finally:
                seconds = self._clock() - began
                self._started += seconds
                self._deadline.at += seconds

    def _timed_out(self) -> UpstreamTimeout:
        if self._deadline.is_over:
            return self._deadline.missed()
        return UpstreamTimeout(f"The upstream was silent for {self._settings.first_token_timeout:g} seconds.")

    async def _pass_on(self, items: Iterable[ServerSentEvent | StrayJson], gemini: GeminiTurn) -> None:
        """Upstream items -> turn events -> the client's bytes, in one write unless they are very many."""
        frames: list[bytes] = []
        unwrap = partial(self._endpoint.unwrap, model=self.lease.model, now=self._unix_time())
        try:
            for number, item in enumerate(items, 1):
                if number % _AT_ONCE == 0:
                    # a few bytes can be an item, and nothing need come of one
                    await self._send(frames)
                    await asyncio.sleep(0)
                is_large = len(item.data) >= LARGE
                chunk = await asyncio.to_thread(unwrap, item) if is_large else unwrap(item)
                if chunk is None:
                    continue
                for event in gemini.feed(chunk):
                    frames.append(self._written(event))
                    if len(frames) == _AT_ONCE:
                        await self._send(frames)
                        # one item may have tens of thousands
                        await asyncio.sleep(0)
        except UpstreamFailure:
            # what came in front of an error belongs to a client that has part of the answer already
            if self._reader.committed:
                await self._send(frames)
            raise
        await self._send(frames)

    async def _send(self, frames: list[bytes]) -> None:
        """And begin anew."""
        if body := b"".join(frames):
            await self._reader.write(body)
        frames.clear()

    def _written(self, event: TurnEvent) -> bytes:
        if self._turn is None:
            self._turn = self._begun()
        return self._turn.feed(event)

    def _begun(self) -> Turn:
        if self.first_token_seconds is None:
            self.first_token_seconds = self.seconds
        self._heard()
        self.lease.answered(first_token_seconds=self.first_token_seconds, size=self._size)
        return self._begin()

    def _classify(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamFailure:
        return self._endpoint.classify(
            status=status, headers=headers, body=body, model=self.lease.model, now=self._unix_time()
        )


def _concealed(event: TurnEvent, authorization: Authorization) -> TurnEvent:
    """Of a turn's end: what was withheld is told in the upstream's words, as failures are."""
    match event:
        case Finished(refusal=str(words)):
            return replace(event, refusal=_without_secrets(words, authorization))
        case _:
            return event


def _without_secrets(words: str, authorization: Authorization) -> str:
    """Without what it was paid with, and links that log an account's owner in."""
    credentials = (value.rpartition(" ")[2] for value in authorization.headers.values())
    return without_personal_links(without(words.encode(), *credentials)).decode()
