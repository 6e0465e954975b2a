"""An upstream request sent once more as it stands, paid anew by the account that has paid it."""

from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from antigravity_addon.accounts.account import Account
from antigravity_addon.accounts.pool import AccountPool
from antigravity_addon.errors import NotReplayable
from antigravity_addon.upstream.endpoint import Authorization, Authorizer, UpstreamRequest
from antigravity_addon.upstream.endpoints import Endpoints
from antigravity_addon.upstream.transport import Transport, UpstreamResponse

from .deadline import Deadline
from .ending import Ending
from .settings import Settings

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Resent:
    response: UpstreamResponse
    credentials: Collection[str] = field(repr=False)
    """What it was paid with, which the answer may repeat."""


@dataclass(frozen=True, slots=True)
class Resender:
    """Sends for an operator, who has chosen the account: it is asked whatever the pool thinks of it, and the pool learns
    nothing from it.
    """

    endpoints: Endpoints
    authorizer: Authorizer
    pool: AccountPool
    transport: Transport
    settings: Settings

    @asynccontextmanager
    async def resend(self, request: UpstreamRequest, *, email: str) -> AsyncGenerator[Resent]:
        """Send `request`, which holds no credential but one that an operator wrote into it.

        An address that is not the account's is asked without what pays. Raises: NotReplayable, UpstreamFailure.
        """
        account = self._account(email)
        async with Ending().heard(Deadline.after(self.settings.request_timeout)):
            for is_last in (False, True):
                authorization = await self._authorization(request, account)
                paid = replace(request, headers={**authorization.headers, **request.headers})
                async with self.transport.open(paid) as response:
                    if is_last or not self._is_refused(response, account, authorization):
                        yield Resent(response, tuple(authorization.headers.values()))
                        return

    def _account(self, email: str) -> Account:
        if self.settings.answers_from_recordings:
            raise NotReplayable("No upstream is asked as long as gateway_replay is set.")
        account = next((each for each in self.pool.accounts if each.email == email), None)
        if account is None:
            raise NotReplayable(
                f"The account {email!r}, which paid for this request, is not configured any more, so nobody can pay for "
                "it again. Replay the client's request instead: any account can serve that."
            )
        return account

    async def _authorization(self, request: UpstreamRequest, account: Account) -> Authorization:
        if _origin(request.url) != _origin(self.endpoints.of(account).base_url):
            return Authorization({})
        return await self.authorizer.authorize(account)

    def _is_refused(self, response: UpstreamResponse, account: Account, authorization: Authorization) -> bool:
        """The access token is, which may have been revoked since it was made: another one can be had."""
        is_paid = bool(authorization.headers)
        return response.status == 401 and is_paid and self.authorizer.reject(account, authorization)


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    """`None` for what is no address, and no account's."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
