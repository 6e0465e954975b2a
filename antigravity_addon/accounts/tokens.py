"""Access tokens: made once for all that need one, renewed ahead of their end, never written down."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from pydantic import SecretStr

from antigravity_addon.errors import UpstreamFailure

from .account import Account
from .single_flight import SingleFlight

logger = logging.getLogger(__name__)

AHEAD_SECONDS = 300.0
"""A token is renewed so long before it dies, or a tenth of its life before, whichever is shorter."""
UNKNOWN_LIFE = 60.0
"""For a token whose life is not known. It may live longer, or have died: then a 401 says so."""
LONGEST_LIFE = 12 * 3600.0
"""Nobody gives out tokens for longer."""
AFTER_FAILURE_SECONDS = 30.0
"""Between two tries to renew a token that is still good."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token as it was issued."""

    value: SecretStr
    seconds: float
    """For which it lives from its receipt on, as its issuer says. 0, and any other nonsense: nobody knows."""
    # no point in time: it would be one of a clock that may be wrong, here or there


@dataclass(frozen=True, slots=True)
class _Live:
    value: SecretStr
    dies_at: float


@dataclass(slots=True)
class _Held:
    """What there is for an account with one set of credentials."""

    account: Account
    fingerprint: str
    live: _Live | None = None
    renew_at: float = 0.0


class Tokens:
    """The accounts' access tokens, in memory.

    State: for each account the token in use, and its renewals under way.
    """

    def __init__(self, make: Callable[[Account], Awaitable[Token]], *, clock: Callable[[], float]) -> None:
        """`make` asks for a new token. `clock` gives seconds and never goes back: unlike the time of day, it is not set."""
        self._make = make
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._renewals = SingleFlight[tuple[str, str], SecretStr]()

    def at_hand(self, account: Account) -> SecretStr | None:
        """A token of which nothing is to be done yet."""
        held = self._held_of(account)
        if held.live is None or self._clock() >= min(held.renew_at, held.live.dies_at):
            return None
        return held.live.value

    async def get(self, account: Account) -> SecretStr:
        """A token that is alive. Near its end it is renewed in the background, and given out until it has died.

        Raises: whatever `make` does; to all that waited for this try. The next call tries again.
        """
        held = self._held_of(account)
        now = self._clock()
        if held.live is None or now >= held.live.dies_at:
            return await self._renewals.wait(_key(held), partial(self._renew, held))
        live = held.live
        if now >= held.renew_at:
            self._renewals.start(_key(held), partial(self._renew, held))
        return live.value

    def reject(self, account: Account, token: SecretStr) -> None:
        """The upstream does not accept `token`. Does nothing if it is another one's turn already: many requests
        may have used the one that failed, and they fail one after the other."""
        held = self._held.get(account.email)
        if held is not None and held.live is not None and held.live.value == token:
            held.live = None

    def held(self) -> tuple[SecretStr, ...]:
        """Those that are in use, dead ones included."""
        return tuple(held.live.value for held in self._held.values() if held.live is not None)

    async def aclose(self) -> None:
        await self._renewals.aclose()

    def _held_of(self, account: Account) -> _Held:
        held = self._held.get(account.email)
        if held is not None and held.account is account:
            return held
        fingerprint = account.fingerprint
        if held is None or held.fingerprint != fingerprint:
            held = self._held[account.email] = _Held(account, fingerprint)
        return held

    async def _renew(self, held: _Held) -> SecretStr:
        try:
            token = await self._make(held.account)
        except UpstreamFailure as failure:
            held.renew_at = self._clock() + AFTER_FAILURE_SECONDS
            self._tell(held, failure)
            raise
        received = self._clock()
        life = _life(token.seconds)
        held.live = _Live(token.value, received + life)
        held.renew_at = held.live.dies_at - min(AHEAD_SECONDS, life / 10)
        return token.value

    def _tell(self, held: _Held, failure: UpstreamFailure) -> None:
        """Whoever waits hears of the failure; of one in the background nobody would."""
        left = held.live.dies_at - self._clock() if held.live is not None else 0.0
        if left > 0:
            logger.warning(
                "Account %s: its access token could not be renewed and is good for %.0f seconds more. %s",
                held.account.email,
                left,
                failure.message,
            )


def _key(held: _Held) -> tuple[str, str]:
    return held.account.email, held.fingerprint


def _life(seconds: float) -> float:
    """NaN is greater than nothing."""
    return min(seconds, LONGEST_LIFE) if seconds > 0 else UNKNOWN_LIFE
