"""One upstream request of an attempt, and whoever carries it to the upstream."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from antigravity_addon.accounts.account import Account
from antigravity_addon.upstream.endpoint import UpstreamRequest
from antigravity_addon.upstream.transport import Transport, UpstreamResponse


@dataclass(frozen=True, slots=True)
class Leg:
    """What is known of an upstream request beside itself."""

    account: Account
    model: str
    attempt: int
    """Of the exchange, from 1."""
    hop: int
    """Of the attempt, from 1: another one with a new token, without what was refused, or for more of the answer."""
    choice: int
    """Which turn of the answer it asks for, from 0."""
    held: Callable[[], AbstractContextManager[None]]
    """While people look at the request, its time stands still."""


class Carrier(Protocol):
    """Brings one exchange's requests to the upstream."""

    def carry(self, request: UpstreamRequest, leg: Leg) -> AbstractAsyncContextManager[UpstreamResponse]:
        """As `Transport.open`, which says what is raised."""
        ...


@dataclass(frozen=True, slots=True)
class Direct:
    """Nobody looks on."""

    transport: Transport

    def carry(
        self,
        request: UpstreamRequest,
        leg: Leg,  # noqa: ARG002  it is for those who look on
    ) -> AbstractAsyncContextManager[UpstreamResponse]:
        return self.transport.open(request)


type Through = Callable[[Carrier], Carrier]
"""Puts somebody who looks on in front of a carrier, for one exchange."""


def unseen(carrier: Carrier) -> Carrier:
    return carrier
