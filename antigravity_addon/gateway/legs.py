"""One upstream request of an attempt, and whoever carries it to the upstream."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from antigravity_addon.accounts.account import Account, Upstream
from antigravity_addon.errors import UpstreamTimeout
from antigravity_addon.upstream.endpoint import UpstreamRequest
from antigravity_addon.upstream.transport import Transport, UpstreamResponse
from antigravity_addon.wire.gemini import GenerateContentRequest

from .tasks import beside_the_loop


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
    asked: GenerateContentRequest
    """What is asked of the model, before anything was left out of it or said in another upstream's words."""
    is_as_asked: bool
    """Nothing was."""
    held: Callable[[], AbstractContextManager[None]]
    """While people look at the request, its time stands still."""
    missed: Callable[[], UpstreamTimeout | None]
    """Which time is up, if that is why the request was cancelled."""

    async def fingerprint(self, request: UpstreamRequest) -> str:
        """Of what is asked, whoever asks; `request` is the leg's."""
        is_as_sent = self.is_as_asked and self.account.upstream is Upstream.GEMINI
        return await beside_the_loop(
            lambda: fingerprint(self.model, request.body if is_as_sent else self.asked.to_json()),
            size=len(request.body),
        )


def fingerprint(model: str, body: bytes) -> str:
    """Of what is asked of a model; `body` is a `GenerateContentRequest` in the Gemini API's own words."""
    digest = hashlib.sha256(model.encode() + b"\0")
    digest.update(body)
    return digest.hexdigest()


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
