"""What was used, and by whom: the sums of this process since they were last saved, and of today for each client.

A request belongs to the day on which it came in, in UTC, whenever it ends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from antigravity_addon.state.pool_store import UsageKey, UsageSum

_NOTHING = UsageSum()
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """A request that counts, from when it was let in."""

    day: str
    """As in `UsageKey`."""
    client: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What a client has used of a day's budget."""

    requests: int = 0
    tokens: int = 0
    """Input and output."""

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.requests + other.requests, self.tokens + other.tokens)


class UsageLedger:
    """Sums of usage.

    State: increments that nobody took yet; and of the current day what the store has of each client, what came since,
    and how many requests are under way. Those count from their start, their tokens from their end.
    """

    def __init__(self, unix_time: Callable[[], float]) -> None:
        self._unix_time = unix_time
        self._increments: dict[UsageKey, UsageSum] = {}
        self._page = -2
        """The current day, counted from 1970."""
        self._day = ""
        self._kept: dict[str, Spent] = {}
        self._since: dict[str, Spent] = {}
        self._under_way: dict[str, int] = {}

    # --- one request --------------------------------------------------------------------------------------

    def begin(self, client: str) -> Entry:
        """Count a request of a client's; `record` has to follow, whatever becomes of it."""
        self._turn_the_page()
        self._under_way[client] = self._under_way.get(client, 0) + 1
        return Entry(self._day, client)

    def record(self, entry: Entry, *, model: str, by_account: Mapping[str, UsageSum]) -> None:
        """Take down what a request was; raises nothing. `by_account` holds one request in all, and the attempts of each account."""
        self._turn_the_page()
        if entry.day == self._day:
            # none, if the clock was days ahead when it came in and was set right since
            self._under_way[entry.client] = max(0, self._under_way.get(entry.client, 0) - 1)
        for account, increment in by_account.items():
            key = UsageKey(entry.day, account, model, entry.client)
            self._add(key, increment)
            if entry.day == self._day:
                before = self._since.get(entry.client, Spent())
                self._since[entry.client] = before + _spent(increment)

    def _add(self, key: UsageKey, increment: UsageSum) -> None:
        self._increments[key] = self._increments.get(key, _NOTHING) + increment

    # --- budgets ------------------------------------------------------------------------------------------

    def spent_today(self, client: str) -> Spent:
        self._turn_the_page()
        return (
            self._kept.get(client, Spent())
            + self._since.get(client, Spent())
            + Spent(requests=self._under_way.get(client, 0))
        )

    @property
    def seconds_left(self) -> float:
        """Of the current day."""
        self._turn_the_page()
        return (self._page + 1) * _DAY - self._unix_time()

    @property
    def today(self) -> str:
        """As in `UsageKey`."""
        self._turn_the_page()
        return self._day

    def _turn_the_page(self) -> None:
        """Forward; back only if the clock was days ahead. One that is set back over midnight turns nothing."""
        page = int(self._unix_time() // _DAY)
        if self._page - 1 <= page <= self._page:
            return
        self._page = page
        self._day = datetime.fromtimestamp(page * _DAY, UTC).date().isoformat()
        self._kept, self._since, self._under_way = {}, {}, {}

    # --- the store ----------------------------------------------------------------------------------------

    def take(self) -> Mapping[UsageKey, UsageSum]:
        """What came since the last call, for whoever saves it."""
        taken, self._increments = self._increments, {}
        return taken

    def give_back(self, increments: Mapping[UsageKey, UsageSum]) -> None:
        """They were taken and could not be saved: the next `take` gives them, too."""
        for key, increment in increments.items():
            self._add(key, increment)

    def restore(self, today: Mapping[UsageKey, UsageSum]) -> None:
        """Take over what the store has of today, after a start and as often as others save to it besides.

        Everything that was taken must have been saved or given back by then.
        """
        self._turn_the_page()
        self._kept = self._by_client(today)
        self._since = self._by_client(self._increments)

    def _by_client(self, sums: Mapping[UsageKey, UsageSum]) -> dict[str, Spent]:
        spent: dict[str, Spent] = {}
        for key, total in sums.items():
            if key.day == self._day:
                spent[key.client] = spent.get(key.client, Spent()) + _spent(total)
        return spent


def _spent(total: UsageSum) -> Spent:
    return Spent(total.requests, total.input_tokens + total.output_tokens)
