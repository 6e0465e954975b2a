"""Refresh grants -> access tokens."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from pydantic import SecretStr, ValidationError

from antigravity_addon.accounts.account import RefreshGrant
from antigravity_addon.accounts.rotated_tokens import RotatedTokens
from antigravity_addon.accounts.tokens import Token
from antigravity_addon.wire.oauth import TokenAnswer

from .endpoint import UpstreamRequest
from .token_endpoint import GrantRefused, Origin, Patience, check_url, fetch, refusal
from .transport import Transport

_HEADERS = {
    "content-type": "application/x-www-form-urlencoded",
    "accept": "application/json",
    "accept-encoding": "identity",
}
_DEAD = (
    "The refresh token is dead: revoked, ended by a new password or by newer sign-ins, unused for six months, or older "
    "than the seven days that it has while the OAuth consent screen is in testing."
)


@dataclass(frozen=True, slots=True)
class _Present:
    """A grant as it is now."""

    grant: RefreshGrant
    """As its file has it."""
    refresh_token: SecretStr
    """The file's, or what the endpoint gave in its place."""


class RefreshGrants:
    """Asks token endpoints for access tokens."""

    def __init__(
        self,
        transport: Transport,
        rotated: RotatedTokens,
        *,
        reread: Callable[[RefreshGrant], RefreshGrant],
        unix_time: Callable[[], float],
        patience: Patience | None = None,
    ) -> None:
        """`reread` gives a grant as its file has it now; it may block."""
        self._transport = transport
        self._rotated = rotated
        self._reread = reread
        self._unix_time = unix_time
        self._patience = patience or Patience()

    async def token(self, email: str, grant: RefreshGrant) -> Token:
        """Raises: AccountRefused, TokenUnavailable."""
        present = await self._present(email, grant)
        try:
            return await self._exchange(email, present)
        except GrantRefused:
            # another program, or another gateway, may be putting a new one there in this moment
            newer = await self._patience.replaced(present, read=lambda: self._present(email, grant))
            if newer is None:
                raise
        return await self._exchange(email, newer)

    async def _present(self, email: str, grant: RefreshGrant) -> _Present:
        if grant.file is not None:
            grant = await asyncio.to_thread(self._reread, grant)
        return _Present(grant, await self._rotated.current(email, grant.refresh_token))

    async def _exchange(self, email: str, present: _Present) -> Token:
        origin = _origin(present)
        check_url(present.grant.token_uri, origin)
        answer = await self._patience.ask(partial(self._ask, present, origin))
        new = answer.refresh_token
        if new is not None and new.get_secret_value() and new != present.refresh_token:
            await self._rotated.keep(email, origin=present.grant.refresh_token, token=new)
        return Token(answer.access_token, answer.seconds)

    async def _ask(self, present: _Present, origin: Origin) -> TokenAnswer:
        answer = await fetch(self._transport, _request(present), of="token endpoint")
        if answer.status == 200:
            try:
                return TokenAnswer.model_validate_json(answer.body)
            except ValidationError:
                pass  # a refusal that comes with 200, or nothing of the kind
        raise refusal(answer, origin, now=self._unix_time())


def _request(present: _Present) -> UpstreamRequest:
    form = {
        "grant_type": "refresh_token",
        "client_id": present.grant.client.id,
        "client_secret": present.grant.client.secret.get_secret_value(),
        "refresh_token": present.refresh_token.get_secret_value(),
    }
    return UpstreamRequest(present.grant.token_uri, _HEADERS, urlencode(form).encode())


def _origin(present: _Present) -> Origin:
    client = present.grant.client
    secrets = (client.secret, present.refresh_token, present.grant.refresh_token)
    return Origin(client.id, _DEAD, _mend(present.grant), secrets)


def _mend(grant: RefreshGrant) -> str:
    """By whose file it is. The file is read anew before each question, so that a new sign-in is all it takes."""
    if grant.file is None:
        return "Sign in again with this OAuth client, and put the new refresh token into the accounts file."
    match grant.file.name:
        case "application_default_credentials.json":
            return f"Sign in again: `gcloud auth application-default login` writes {grant.file} anew."
        case "oauth_creds.json":
            return f"Sign in again with gemini-cli, by its command /auth: it writes {grant.file} anew."
        case _:
            return f"Sign in again with the program that writes {grant.file}."
