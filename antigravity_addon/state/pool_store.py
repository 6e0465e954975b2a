"""What is kept of accounts and clients over a restart: the port that a store implements, and its records.

Times are Unix seconds: what is kept outlives the process, and other gateways may share it. Nothing in here is a secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CooldownKey:
    scope: str
    """Who rests: a quota group, or for a model that is overloaded for everybody an upstream kind."""
    model: str
    """Empty for every model."""


@dataclass(frozen=True, slots=True)
class KeptCooldown:
    until: float
    failures: int
    """In a row, this one included; decides how long the next one is."""
    reason: str
    """For the operator."""


@dataclass(frozen=True, slots=True)
class KeptDisabled:
    """An account that is out of use until somebody does something about it."""

    reason: str
    """A sentence for the operator."""
    since: float
    fingerprint: str
    """`Account.fingerprint` of the credentials that were refused. Empty if the operator switched it off, whatever
    its credentials are."""


@dataclass(frozen=True, slots=True)
class KeptBinding:
    """The account that a conversation stays with."""

    account: str
    """E-mail."""
    used: float


@dataclass(frozen=True, slots=True, order=True)
class UsageKey:
    day: str
    """`2026-11-25`, in UTC."""
    account: str
    """E-mail; empty for requests that no account could serve."""
    model: str
    """The Gemini model."""
    client: str
    """Name of the client key; empty where no key is asked for."""


@dataclass(frozen=True, slots=True)
class UsageSum:
    requests: int = 0
    errors: int = 0
    """Requests that got no whole answer."""
    attempts: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    """Part of `input_tokens`."""
    output_tokens: int = 0
    reasoning_tokens: int = 0
    """Part of `output_tokens`."""
    seconds: float = 0.0
    """From arrival to last byte, of all requests together."""
    first_token_seconds: float = 0.0
    """From arrival to the first token, of those that had one."""
    first_tokens: int = 0
    """Requests that had one."""

    def __add__(self, other: "UsageSum") -> "UsageSum":
        return UsageSum(
            self.requests + other.requests,
            self.errors + other.errors,
            self.attempts + other.attempts,
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.seconds + other.seconds,
            self.first_token_seconds + other.first_token_seconds,
            self.first_tokens + other.first_tokens,
        )


class Action(StrEnum):
    """What an operator can do to an account from outside the gateway."""

    DISABLE = "disable"
    ENABLE = "enable"
    """Ends both a `DISABLE` and the upstream's refusal."""
    RESET = "reset"
    """Forget its cooldowns, and what the upstream refused it for."""


@dataclass(frozen=True, slots=True)
class Order:
    """An operator's, to every gateway that shares the store."""

    number: int
    """Rises."""
    action: Action
    account: str
    """E-mail; empty for all of them."""
    scope: str
    """The account's quota group, whose cooldowns it ends beside those of the account itself; empty for all of them."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """Since the last save. `None` ends what was kept under a key."""

    cooldowns: Mapping[CooldownKey, KeptCooldown | None] = field(
        default_factory=dict[CooldownKey, KeptCooldown | None]
    )
    disabled: Mapping[str, KeptDisabled | None] = field(default_factory=dict[str, KeptDisabled | None])
    """By e-mail."""
    bindings: Mapping[str, KeptBinding | None] = field(default_factory=dict[str, KeptBinding | None])
    """By the conversation's name, a hash."""
    usage: Mapping[UsageKey, UsageSum] = field(default_factory=dict[UsageKey, UsageSum])
    """To be added to what is kept."""

    @property
    def is_empty(self) -> bool:
        return not (self.cooldowns or self.disabled or self.bindings or self.usage)


@dataclass(frozen=True, slots=True)
class KeptPool:
    """Everything that a pool needs to go on where another left off."""

    cooldowns: Mapping[CooldownKey, KeptCooldown]
    """Those that are not over."""
    disabled: Mapping[str, KeptDisabled]
    bindings: Mapping[str, KeptBinding]
    last_order: int
    """Its effects are in the rest."""


class PoolStore(Protocol):
    """Each call takes effect as a whole or not at all. Calls are seen by those made after them.

    Each raises: StateError.
    """

    async def load(self) -> KeptPool: ...

    async def sync(self, changes: Changes, *, orders_after: int) -> tuple[Order, ...]:
        """Save, and give the orders that came after a number, oldest first.

        Orders go before changes: what the changes say of an account or a scope that one of these orders is about is not
        saved, since it is older than the operator's word; whoever made the changes gets the order back from this call.
        Bindings and usage are always saved.
        """
        ...

    async def give_order(self, action: Action, *, account: str, scope: str, reason: str, now: float) -> int:
        """To every gateway that shares the store; what is kept follows it at once. Gives its number.

        DISABLE, which takes a name, keeps a `KeptDisabled` without a fingerprint. ENABLE and RESET end cooldowns of the
        scope and of the account; ENABLE ends any `KeptDisabled` of the account, RESET only one with a fingerprint.
        """
        ...

    async def usage(self, *, first_day: str, last_day: str) -> Mapping[UsageKey, UsageSum]:
        """Of these days, both included."""
        ...

    async def aclose(self) -> None: ...
