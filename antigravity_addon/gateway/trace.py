"""What happened in one exchange, for people: the flow's comment, the log line, the flow's metadata."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import override

from antigravity_addon.accounts.pool import Skipped
from antigravity_addon.translate.events import Usage

from .identity import Naming
from .prices import dollars

_LONGEST_NAME = 100
"""Characters of a model's name in a line: a client may have sent megabytes."""


def unnoticed() -> None:
    """Nobody looks on."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Why an attempt was paid by the account that it had; or why nobody was found."""

    at: float
    """Seconds since the request's arrival."""
    waited: float
    """Seconds, for this account."""
    account: str
    """E-mail; empty if nobody was found."""
    reason: str
    skipped: Skipped = field(default_factory=Skipped)
    """Others, as they stood when this one was asked for."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is waited for while nobody is asked."""

    at: float
    """Seconds since the request's arrival."""
    longest: float
    """Seconds."""
    reason: str
    """A sentence."""
    skipped: Skipped = field(default_factory=Skipped)
    """As in `Choice`."""


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    account: str
    """E-mail."""
    upstream: str
    """Its kind."""
    seconds: float
    """From leasing the account to the attempt's end."""
    failure: str = ""
    """Empty if it served the client."""
    first_token_seconds: float | None = None
    """From leasing the account to the first event of the turn."""
    usage: Usage | None = None
    message: str = ""
    """The failure's, in sentences."""
    requests: int = 1
    """That were sent to the upstream."""
    number: int = 1
    """In the exchange."""
    choice: int = 0
    """Which turn of the answer it asked for."""
    at: float = 0.0
    """Seconds from the request's arrival to leasing the account."""
    token_seconds: float = 0.0
    """Spent on an access token."""
    cost: Decimal | None = None
    """US dollars for `usage`; `None` if nobody knows."""


@dataclass(slots=True)
class Trace:
    """Filled by the exchange as it goes; read by the shell when it is over."""

    clock: Callable[[], float] = time.monotonic
    started: float = 0.0
    """Time by `clock` at which the request arrived; now, unless given."""
    exchange: str = ""
    """What the client knows the request by: `x-request-id`."""
    endpoint: str = ""
    """Name of the route."""
    naming: Naming | None = None
    """Of the answer; `None` before there can be one."""
    created: int = 0
    """Unix time in seconds, as the answer states it."""
    model_asked: str = ""
    model: str = ""
    """The Gemini model."""
    rule: str = ""
    """Which made the one of the other, in words."""
    conversation: tuple[str, ...] = ()
    """Hashes that stand for the conversation, the one to trust most first."""
    prepared_seconds: float | None = None
    """From the request's arrival until it was translated, with what it refers to fetched."""
    choices: list[Choice] = field(default_factory=list[Choice])
    attempts: list[AttemptRecord] = field(default_factory=list[AttemptRecord])
    account: str = ""
    """E-mail of the account that serves, or tried last."""
    usage: Usage | None = None
    status: int = 0
    """HTTP status given to the client; 0 before that."""
    error: str = ""
    """Why the client did not get a whole answer."""
    first_token_seconds: float | None = None
    waited_seconds: float = 0.0
    """For an account, and between attempts."""
    remedies: list[str] = field(default_factory=list[str])
    """What was left out of the request for a second try, since the upstream refused it."""
    under_way: dict[int, Callable[[], AttemptRecord]] = field(
        default_factory=dict[int, Callable[[], AttemptRecord]]
    )
    """Attempts that are not over, by number: each as it stands by now."""
    waiting: dict[int, Waiting] = field(default_factory=dict[int, Waiting])
    """By the turn of the answer."""
    changed: Callable[[], None] = unnoticed
    """Called at what people want to see before the end: something is waited for, an attempt begins or fails, the model
    speaks. Some times in an exchange, never for each piece of an answer."""
    _begun: int = 0
    """Attempts."""

    def __post_init__(self) -> None:
        self.started = self.started or self.clock()

    @property
    def seconds(self) -> float:
        """Since the request's arrival."""
        return self.clock() - self.started

    @property
    def cost(self) -> Decimal | None:
        """US dollars for all attempts; `None` if nothing was used, or nobody knows what a part of it costs."""
        used = [attempt.cost for attempt in self.attempts if attempt.usage is not None]
        known = [cost for cost in used if cost is not None]
        return sum(known, Decimal()) if used and len(known) == len(used) else None

    def next_attempt(self) -> int:
        self._begun += 1
        return self._begun

    def heard_from_model(self) -> None:
        if self.first_token_seconds is None:
            self.first_token_seconds = self.seconds
            self.changed()

    def begin_to_wait(
        self, turn: int, reason: str, *, longest: float, skipped: Skipped | None = None
    ) -> None:
        self.waiting[turn] = Waiting(self.seconds, longest, reason, skipped or Skipped())
        self.changed()

    def end_wait(self, turn: int) -> None:
        """Not called if the exchange was cut off meanwhile: what it waited for then is worth knowing."""
        self.waiting.pop(turn, None)

    def add_usage(self, usage: Usage) -> None:
        """Of one turn; an answer with several choices has several."""
        self.usage = (self.usage or Usage()) + usage

    @override
    def __str__(self) -> str:
        """For the log, if anybody reads it: `gpt-4o → gemini-2.5-flash · ana@… · 1 attempt · 0.8 s · first token 0.4 s · 812/94 tok`."""
        count = len(self.attempts)
        attempts = f"{count} attempt{'' if count == 1 else 's'}" if count else ""
        return _joined(
            self._models, self._payer, attempts, f"{self.seconds:.1f} s", *self._figures, self.error
        )

    def headline(self) -> str:
        """For a list that has no room and a column for the time: what went wrong first, and nothing that is as usual.

        `429 rate_limit_exceeded · gpt-4o → gemini-2.5-flash · ana@… · 3 attempts · waited 2.0 s`
        """
        count = len(self.attempts)
        attempts = f"{count} attempts" if count > 1 else ""
        return _joined(self.error, self._models, self._payer, attempts, *self._figures)

    def progress(self) -> str:
        """The headline of an exchange that is not over: what it does at the moment.

        `gpt-4o → gemini-2.5-flash · ana@… · attempt 2 under way · first token 0.4 s`
        """
        doing = "waits" if self.waiting else ""
        if self.under_way:
            doing = f"attempt {max(self.under_way)} under way"
        return _joined(self._models, self._payer, doing, *self._figures)

    @property
    def _figures(self) -> Sequence[str]:
        usage, cost, first_token = self.usage, self.cost, self.first_token_seconds
        return (
            f"first token {first_token:.1f} s" if first_token is not None else "",
            f"waited {self.waited_seconds:.1f} s" if self.waited_seconds >= 0.05 else "",
            f"{usage.input_tokens}/{usage.output_tokens} tok" if usage else "",
            dollars(cost) if cost is not None else "",
        )

    @property
    def _payer(self) -> str:
        return f"{self.account.partition('@')[0]}@…" if self.account else ""

    @property
    def _models(self) -> str:
        asked = self.model_asked
        shown = asked if len(asked) <= _LONGEST_NAME else f"{asked[:_LONGEST_NAME]}…"
        return shown if self.model in {"", asked} else f"{shown} → {self.model}"


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
