"""What is known of clients and kept count of, across all settings of a process: keys, limits, usage, prices, metrics."""

import time
from asyncio import CancelledError
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager

from antigravity_addon.state.pool_store import UsageSum
from antigravity_addon.translate.events import Usage

from .client_keys import ClientKey
from .client_stream import Head, Sink
from .clients import Client, ClientKeys
from .limits import Limits
from .metrics import AccountState, ExchangeFacts, Metrics, ModelNames, code_of
from .prices import Prices
from .routes import Endpoint
from .trace import AttemptRecord, Trace
from .usage import Entry, UsageLedger
from .wrong_keys import WrongKeys

_CANCELLED = "cancelled"
_CLIENT_GONE = 499
"""As nginx has it: no client ever sees it."""


def _no_accounts() -> Iterable[AccountState]:
    return ()


class Bookkeeping:
    """One for all gateways, so that new settings change nobody's budget."""

    def __init__(
        self,
        *,
        unix_time: Callable[[], float] = time.time,  # noqa: TID251
        clock: Callable[[], float] = time.monotonic,
        account_states: Callable[[], Iterable[AccountState]] = _no_accounts,
        prices: Prices | None = None,
    ) -> None:
        """`clock` is in seconds and never goes back; `account_states` is asked at each scrape."""
        self.prices = prices or Prices()
        self._models = ModelNames()
        self.keys = ClientKeys(unix_time)
        self.wrong_keys = WrongKeys(clock)
        self.ledger = UsageLedger(unix_time)
        self.limits = Limits(self.ledger, clock)
        self.metrics = Metrics(account_states, self._models)

    def replace_keys(self, keys: Iterable[ClientKey]) -> None:
        """Take what the file of client keys holds now."""
        keys = tuple(keys)
        self.keys.replace(keys)
        self.limits.keep_only({key.name for key in keys})

    @contextmanager
    def tally(self, client: Client, trace: Trace, sink: Sink) -> Generator["Tally"]:
        """Follow a request that was let in to its end, and take down what it was, whatever ends it."""
        tally = Tally(self, client, sink)
        end = "server_error"
        try:
            yield tally
            end = ""
        except CancelledError:
            end = _CANCELLED
            raise
        finally:
            self._close(tally, trace, end)

    def _close(self, tally: "Tally", trace: Trace, end: str) -> None:
        """`end` says why there was none in order."""
        default = _CLIENT_GONE if end == _CANCELLED else 500
        self.metrics.count_request(
            client=tally.client.name, endpoint=tally.endpoint, status=tally.status or default
        )
        if not trace.model_asked or tally.endpoint is None:
            return
        error = code_of(trace.error) if tally.ended else end or "server_error"
        exchange = ExchangeFacts(
            endpoint=tally.endpoint,
            client=tally.client.name,
            model_asked=trace.model_asked,
            model=trace.model,
            account=trace.account,
            attempts=tuple(trace.attempts),
            seconds=trace.seconds,
            error=error,
            first_token_seconds=trace.first_token_seconds,
        )
        self.metrics.observe(exchange)
        if tally.entry is not None:
            model = self._models.bounded(exchange.model)
            self.ledger.record(tally.entry, model=model, by_account=_by_account(exchange))


class Tally:
    """One request, from its admission to its last byte; and the way of its answer, which passes through."""

    def __init__(self, books: Bookkeeping, client: Client, sink: Sink) -> None:
        self._books = books
        self._sink = sink
        self.client = client
        self.endpoint: Endpoint | None = None
        """`None` until the path was understood."""
        self.entry: Entry | None = None
        """In the ledger; `None` unless it counts."""
        self.status = 0
        """HTTP status; 0 until it was sent."""
        self.ended = False
        """The last byte is out."""

    def count(self) -> None:
        """From here on the request counts against its client's limits.

        Raises: ClientLimited, ClientBudgetSpent: it may not go on, and does not count.
        """
        if self.client.key is not None:
            self._books.limits.spend_request(self.client.key)
        self.entry = self._books.ledger.begin(self.client.name)

    async def send(self, *, head: Head | None = None, body: bytes = b"", end: bool = False) -> None:
        if head is not None:
            self.status = head.status
        await self._sink.send(head=head, body=body, end=end)
        self.ended = self.ended or end


def _by_account(exchange: ExchangeFacts) -> Mapping[str, UsageSum]:
    """The request is the account's that served, or was tried last; attempts and tokens are each attempt's own account's."""
    first_token = exchange.first_token_seconds
    sums = {
        exchange.account: UsageSum(
            requests=1,
            errors=int(bool(exchange.error)),
            seconds=exchange.seconds,
            first_token_seconds=first_token or 0.0,
            first_tokens=int(first_token is not None),
        )
    }
    for attempt in exchange.attempts:
        sums[attempt.account] = sums.get(attempt.account, UsageSum()) + _of_attempt(attempt)
    return sums


def _of_attempt(attempt: AttemptRecord) -> UsageSum:
    usage = attempt.usage or Usage()
    return UsageSum(
        attempts=1,
        input_tokens=usage.input_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )
