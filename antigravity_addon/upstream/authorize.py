"""Accounts -> what upstream requests are paid with."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol, assert_never

from pydantic import SecretStr

from antigravity_addon.accounts.account import (
    Account,
    ApiKey,
    CodeAssistLicence,
    ExpressKey,
    GoogleAuthGrant,
    RefreshGrant,
    VertexProject,
)
from antigravity_addon.accounts.single_flight import SingleFlight
from antigravity_addon.accounts.tokens import Token, Tokens
from antigravity_addon.errors import UpstreamFailure

from .endpoint import Authorization

type FindProject = Callable[[Account, Mapping[str, str]], Awaitable[str]]
"""Asks the upstream for a Code Assist licence's project; takes the headers to ask with."""

PROJECT_SECONDS = 3600.0
"""A licence may be taken away, or moved to another project."""
REST_AFTER_TWO_401S = 600.0
"""Seconds. The second was of a token made a moment before: that is no fault of the credentials."""
_SCHEME = "Bearer "


class Issuer[G](Protocol):
    """Makes access tokens of one kind of grant."""

    async def token(self, email: str, grant: G, /) -> Token:
        """Raises: UpstreamFailure."""
        ...


@dataclass(frozen=True, slots=True)
class _Project:
    """Of a Code Assist licence, as it was looked up."""

    name: str
    fingerprint: str
    """Of the account that asked."""
    until: float
    """By the clock; then it is asked for again."""


class AccountAuthorizer:
    """See `Authorizer`.

    State: the accounts' access tokens, the last one of each that was rejected, and the projects of Code Assist licences.
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
        self._clock = clock
        self._projects: dict[str, _Project] = {}
        self._rejected: dict[str, SecretStr] = {}
        self._lookups = SingleFlight[tuple[str, str], str]()

    def at_hand(self, account: Account) -> Authorization | None:
        """See `Authorizer`."""
        match account.credential:
            case ApiKey(key=key) | ExpressKey(key=key):
                return _by_key(key)
            case VertexProject():
                token = self._tokens.at_hand(account)
                return Authorization(_headers(token)) if token is not None else None
            case CodeAssistLicence():
                return None
            case _ as never:
                assert_never(never)

    async def authorize(self, account: Account) -> Authorization:
        """See `Authorizer`."""
        match account.credential:
            case ApiKey() | ExpressKey() | VertexProject():
                return await self.without_project(account)
            case CodeAssistLicence():
                return await self._licensed(account)
            case _ as never:
                assert_never(never)

    async def without_project(self, account: Account) -> Authorization:
        """As `authorize`, but no licence's project is asked for, and so nobody is signed up for one."""
        match account.means:
            case SecretStr() as key:
                return _by_key(key)
            case RefreshGrant() | GoogleAuthGrant():
                return Authorization(_headers(await self._tokens.get(account)))

    def reject(self, account: Account, authorization: Authorization) -> bool:
        """See `Authorizer`. What was known of a licence's project goes with its token."""
        if isinstance(account.means, SecretStr):
            return False
        token = _token(authorization.headers)
        self._tokens.reject(account, token)
        # once for all the requests that used it, as they fail one after the other
        if self._rejected.get(account.email) != token:
            self._rejected[account.email] = token
            self._projects.pop(account.email, None)
        return True

    def held_tokens(self) -> tuple[SecretStr, ...]:
        return *self._tokens.held(), *self._rejected.values()

    def found_projects(self) -> tuple[str, ...]:
        """Of Code Assist licences."""
        return tuple(project.name for project in self._projects.values())

    async def aclose(self) -> None:
        """Ends token requests that are under way."""
        await asyncio.gather(self._tokens.aclose(), self._lookups.aclose())

    async def _issue(self, account: Account) -> Token:
        match account.means:
            case RefreshGrant() as grant:
                return await self._refresh_grants.token(account.email, grant)
            case GoogleAuthGrant() as grant:
                return await self._google_auth.token(account.email, grant)
            case SecretStr():
                raise TypeError("A key is no grant.")

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
        try:
            return Authorization(headers, await self._project(account, headers))
        except UpstreamFailure as failure:
            if failure.upstream_status == 401:
                failure.rest = REST_AFTER_TWO_401S
            raise

    async def _project(self, account: Account, headers: Mapping[str, str]) -> str:
        fingerprint = account.fingerprint
        known = self._projects.get(account.email)
        if known is not None and known.fingerprint == fingerprint and self._clock() < known.until:
            return known.name
        look_up = partial(self._look_up, account, fingerprint, headers)
        return await self._lookups.wait((account.email, fingerprint), look_up)

    async def _look_up(self, account: Account, fingerprint: str, headers: Mapping[str, str]) -> str:
        project = await self._find_project(account, headers)
        self._projects[account.email] = _Project(project, fingerprint, self._clock() + PROJECT_SECONDS)
        return project


def _by_key(key: SecretStr) -> Authorization:
    # not `?key=`, which ends up in logs
    return Authorization({"x-goog-api-key": key.get_secret_value()})


def _headers(token: SecretStr) -> Mapping[str, str]:
    return {"authorization": f"{_SCHEME}{token.get_secret_value()}"}


def _token(headers: Mapping[str, str]) -> SecretStr:
    return SecretStr(headers["authorization"].removeprefix(_SCHEME))
