"""Accounts -> what upstream requests are paid with."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Protocol, assert_never

from pydantic import SecretStr

from antigravity_addon.accounts.account import (
    Account,
    ApiKey,
    CodeAssistLicence,
    ExpressKey,
    GoogleAuthGrant,
    Grant,
    RefreshGrant,
    VertexProject,
)
from antigravity_addon.accounts.single_flight import SingleFlight
from antigravity_addon.accounts.tokens import Token, Tokens
from antigravity_addon.errors import UpstreamFailure

from .endpoint import Authorization

type FindProject = Callable[[Account, Mapping[str, str]], Awaitable[str]]
"""Asks the upstream for a Code Assist licence's project; takes the headers to ask with."""

_SCHEME = "Bearer "


class Issuer[G](Protocol):
    """Makes access tokens of one kind of grant."""

    async def token(self, email: str, grant: G, /) -> Token:
        """Raises: UpstreamFailure."""
        ...


class AccountAuthorizer:
    """See `Authorizer`.

    State: the accounts' access tokens, and the projects of Code Assist licences that had to be looked up.
    """

    def __init__(
        self,
        refresh_grants: Issuer[RefreshGrant],
        google_auth: Issuer[GoogleAuthGrant],
        *,
        find_project: FindProject,
        clock: Callable[[], float],
    ) -> None:
        """`clock`: see `Tokens`."""
        self._refresh_grants = refresh_grants
        self._google_auth = google_auth
        self._find_project = find_project
        self._tokens = Tokens(self._issue, clock=clock)
        self._projects: dict[str, tuple[str, str]] = {}
        self._lookups = SingleFlight[tuple[str, str], str]()

    async def authorize(self, account: Account) -> Authorization:
        """See `Authorizer`."""
        match account.credential:
            case ApiKey(key=key) | ExpressKey(key=key):
                # not `?key=`, which ends up in logs
                return Authorization({"x-goog-api-key": key.get_secret_value()})
            case VertexProject():
                return Authorization(_headers(await self._tokens.get(account)))
            case CodeAssistLicence():
                return await self._licensed(account)
            case _ as never:
                assert_never(never)

    def reject(self, account: Account, authorization: Authorization) -> bool:
        """See `Authorizer`."""
        match account.credential:
            case ApiKey() | ExpressKey():
                return False
            case VertexProject() | CodeAssistLicence():
                self._tokens.reject(account, _token(authorization.headers))
                return True

    async def aclose(self) -> None:
        """Ends token requests that are under way."""
        await asyncio.gather(self._tokens.aclose(), self._lookups.aclose())

    async def _issue(self, account: Account) -> Token:
        grant = _grant(account)
        match grant:
            case RefreshGrant():
                return await self._refresh_grants.token(account.email, grant)
            case GoogleAuthGrant():
                return await self._google_auth.token(account.email, grant)

    async def _licensed(self, account: Account) -> Authorization:
        """A configured project is asked about, too: the licence may not be set up yet, or be refused."""
        headers = _headers(await self._tokens.get(account))
        try:
            return Authorization(headers, await self._project(account, headers))
        except UpstreamFailure as failure:
            if failure.upstream_status != 401:
                raise
        self._tokens.reject(account, _token(headers))
        headers = _headers(await self._tokens.get(account))
        return Authorization(headers, await self._project(account, headers))

    async def _project(self, account: Account, headers: Mapping[str, str]) -> str:
        fingerprint = account.fingerprint
        known = self._projects.get(account.email)
        if known is not None and known[0] == fingerprint:
            return known[1]
        look_up = partial(self._look_up, account, fingerprint, headers)
        return await self._lookups.wait((account.email, fingerprint), look_up)

    async def _look_up(self, account: Account, fingerprint: str, headers: Mapping[str, str]) -> str:
        project = await self._find_project(account, headers)
        self._projects[account.email] = fingerprint, project
        return project


def _grant(account: Account) -> Grant:
    match account.credential:
        case VertexProject(grant=grant) | CodeAssistLicence(grant=grant):
            return grant
        case ApiKey() | ExpressKey():
            raise TypeError("A key is no grant.")


def _headers(token: SecretStr) -> Mapping[str, str]:
    return {"authorization": f"{_SCHEME}{token.get_secret_value()}"}


def _token(headers: Mapping[str, str]) -> SecretStr:
    return SecretStr(headers["authorization"].removeprefix(_SCHEME))
