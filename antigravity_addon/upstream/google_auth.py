"""Credentials of google-auth -> access tokens; and those of the machine that this runs on.

google-auth is synchronous and works on a thread. It is given its connections by us, and no refusal: an answer that is
none it would retry, sleep over and reword in its own way, so that answer ends its work and is judged like any other.

The metadata server is asked without it: google-auth 2.63 needs `requests` for that one.
"""

# google-auth 2.63 says that it is typed, and leaves its arguments without types
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from subprocess import SubprocessError
from typing import Protocol, cast

import httpx
from google.auth import (
    aws,
    external_account_authorized_user,
    identity_pool,
    impersonated_credentials,
    pluggable,
)
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport import Request, Response
from google.oauth2 import credentials, service_account
from pydantic import SecretStr, ValidationError

from antigravity_addon.accounts.account import GoogleAuthGrant
from antigravity_addon.accounts.rotated_tokens import RotatedTokens
from antigravity_addon.accounts.tokens import Token
from antigravity_addon.errors import AccountRefused
from antigravity_addon.wire.base import JsonObject
from antigravity_addon.wire.oauth import JSON_OBJECT, GoogleCredentials, TokenAnswer, seconds_left

from .endpoint import UpstreamRequest
from .token_endpoint import (
    RECHECK_SECONDS,
    WHOLE_SECONDS,
    Answer,
    GrantRefused,
    Origin,
    Patience,
    TryAgain,
    check_url,
    fetch,
    refusal,
    refused,
    said,
    server_time,
)
from .transport import CONNECT_SECONDS, SMALL_BYTES, Transport

METADATA_HOST = "metadata.google.internal"
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)

_AWS = "urn:ietf:params:aws:token-type:aws4_request"

_LOCAL_TROUBLES = (
    GoogleAuthError,
    OSError,
    SubprocessError,
    ValueError,
    TypeError,
    KeyError,
    # what it makes of an answer that is no object, or of a life that is no number
    AttributeError,
    ArithmeticError,
)
"""What google-auth raises, on purpose or not, over answers and files that are not as they should be."""

_THIS_MACHINE = Origin(
    "", "", "Attach a service account to this machine that may use Vertex AI, with the scope cloud-platform."
)


@dataclass(frozen=True, slots=True)
class _Source:
    """A credentials file, read."""

    content: JsonObject
    """For google-auth; holds the secrets."""
    file: GoogleCredentials
    """What we judge of it."""
    origin: Origin

    @property
    def refresh_token(self) -> SecretStr:
        return self.file.refresh_token


class GoogleAuth:
    """Access tokens through google-auth.

    State: the certificates that are trusted, which take long to read.
    """

    def __init__(
        self,
        transport: Transport,
        rotated: RotatedTokens,
        *,
        unix_time: Callable[[], float],
        clock: Callable[[], float],
        patience: Patience | None = None,
        metadata_host: str = METADATA_HOST,
    ) -> None:
        """`clock` gives seconds, and is read on threads."""
        self._transport = transport
        self._rotated = rotated
        self._unix_time = unix_time
        self._clock = clock
        self._patience = patience or Patience()
        self._metadata_host = metadata_host
        self._trust: ssl.SSLContext | None = None

    async def token(self, email: str, grant: GoogleAuthGrant) -> Token:
        """Raises: AccountRefused, TokenUnavailable."""
        if not grant.content.get_secret_value().strip():
            return await self._patience.ask(self._ask_this_machine)
        source = _read(grant)
        given = source.refresh_token
        if not given.get_secret_value():
            return (await self._made(source, given))[0]
        shown = await self._rotated.current(email, given)
        try:
            token, new = await self._made(source, shown)
        except GrantRefused:
            # another gateway may be putting a new one there in this moment
            newer = await self._patience.replaced(shown, read=lambda: self._rotated.current(email, given))
            if newer is None:
                raise
            shown = newer
            token, new = await self._made(source, shown)
        if new.get_secret_value() and new != shown:
            await self._rotated.keep(email, origin=given, token=new)
        return token

    async def _made(self, source: _Source, refresh_token: SecretStr) -> tuple[Token, SecretStr]:
        """With the refresh token to be shown from then on, which is empty where there is none."""
        made = await asyncio.to_thread(_load, source, refresh_token)
        token = await self._patience.ask(lambda: asyncio.to_thread(self._refresh, made, source))
        return token, _refresh_token_of(made)

    async def _ask_this_machine(self) -> Token:
        request = UpstreamRequest(
            f"http://{self._metadata_host}/computeMetadata/v1/instance/service-accounts/default/token"
            f"?scopes={','.join(SCOPES)}",
            {"metadata-flavor": "Google", "accept-encoding": "identity"},
            b"",
            method="GET",
        )
        answer = await fetch(
            self._transport, request, of="metadata server, which only machines of Google Cloud have,"
        )
        if answer.status == 200:
            try:
                token = TokenAnswer.model_validate_json(answer.body)
            except ValidationError:
                raise TryAgain("The metadata server gave an answer that cannot be read.") from None
            return Token(token.access_token, token.seconds)
        if answer.status in {403, 404}:
            raise refused("this machine has no service account, or not with this scope.", _THIS_MACHINE.mend)
        raise refusal(answer, _THIS_MACHINE, now=self._unix_time())

    def _refresh(self, made: "_Credentials", source: _Source) -> Token:
        """On a thread. Raises: AccountRefused, TokenUnavailable, TryAgain."""
        with self._connections() as client:
            request = _Request(client, clock=self._clock)
            try:
                made.refresh(request)
            except _NoToken as error:
                raise refusal(error.answer, source.origin, now=self._unix_time()) from None
            except TransportError as error:
                raise TryAgain(f"The token endpoint did not answer ({error}).") from error
            except _LOCAL_TROUBLES as error:
                raise _not_made(error, source, is_answered=request.last is not None) from None
        try:
            token = TokenAnswer.model_validate({"access_token": made.token})
        except ValidationError:
            raise TryAgain("The token endpoint gave no token that can be used.") from None
        return Token(token.access_token, self._life(request.last))

    def _connections(self) -> httpx.Client:
        """Without proxies of the environment, as `transport.py` is without them."""
        self._trust = self._trust or ssl.create_default_context()
        return httpx.Client(verify=self._trust, timeout=httpx.Timeout(CONNECT_SECONDS), trust_env=False)

    def _life(self, answer: Answer | None) -> float:
        """google-auth's own `expiry` is by this machine's clock, or by the server's, without saying which."""
        if answer is None:
            return 0.0  # it signed the token itself
        now = server_time(answer.headers) or datetime.fromtimestamp(self._unix_time(), UTC)
        return seconds_left(answer.body, now=now)


# --- files ------------------------------------------------------------------------------------------------


def _read(grant: GoogleAuthGrant) -> _Source:
    """Raises: AccountRefused: it is no file of credentials, or sends secrets where they must not go."""
    content = grant.content.get_secret_value()
    where = str(grant.file) if grant.file is not None else "the account's credentials"
    try:
        file = GoogleCredentials.model_validate_json(content)
        source = _Source(JSON_OBJECT.validate_json(content), file, _origin(file, where))
    except ValidationError:
        raise refused(f"{where}: this is no file of Google credentials.", "Give one that is.") from None
    for each in (file, file.source_credentials):
        for url in (each.token_uri, each.token_url):
            if url:
                check_url(url, source.origin)
    if file.service_account_impersonation_url:
        check_url(file.service_account_impersonation_url, source.origin)
    return source


def _origin(file: GoogleCredentials, where: str) -> Origin:
    start = file.source_credentials if file.type == "impersonated_service_account" else file
    secrets = tuple(
        secret
        for each in (file, start)
        for secret in (each.private_key, each.client_secret, each.refresh_token)
    )
    match start.type:
        case "service_account":
            return Origin(
                start.client_email,
                f"The service account {start.client_email!r} does not exist any more, is disabled, or has another key.",
                f"Make a new key for it, and put it into {where}.",
                secrets,
            )
        case "external_account":
            dead = "What proves this workload's identity is not accepted."
            return Origin(
                start.client_id, dead, f"Check the workload identity pool that {where} names.", secrets
            )
        case _:
            dead = "The refresh token is dead: revoked, ended by a new password, or unused for six months."
            return Origin(
                start.client_id, dead, f"Sign in again, and let gcloud write {where} anew.", secrets
            )


class _Credentials(Protocol):
    """google-auth says little about its types."""

    @property
    def token(self) -> object: ...

    def refresh(self, request: Request) -> None: ...


def _load(source: _Source, refresh_token: SecretStr) -> _Credentials:
    """On a thread, since it takes long to check a private key.

    Raises: AccountRefused: google-auth cannot make anything of the file.
    """
    shown = refresh_token.get_secret_value()
    content = {**source.content, "refresh_token": shown} if shown else dict(source.content)
    try:
        return cast("_Credentials", _loader(source)(content))
    except (GoogleAuthError, ValueError, TypeError, KeyError, AttributeError) as error:
        words = said(f"{type(error).__name__}: {error.args[0] if error.args else ''}", source.origin)
        raise refused(f"google-auth cannot use these credentials: {words!r}.", source.origin.mend) from None


def _loader(source: _Source) -> Callable[[JsonObject], object]:
    file = source.file
    match file.type:
        case "service_account":
            return partial(service_account.Credentials.from_service_account_info, scopes=SCOPES)
        case "impersonated_service_account":
            impersonated = impersonated_credentials.Credentials
            return partial(impersonated.from_impersonated_service_account_info, scopes=SCOPES)
        case "authorized_user":
            # a scope here would ask for less than was granted, and fail if that one was not
            return credentials.Credentials.from_authorized_user_info
        case "external_account_authorized_user":
            return external_account_authorized_user.Credentials.from_info
        case "external_account" if file.subject_token_type == _AWS:
            return partial(aws.Credentials.from_info, scopes=SCOPES)
        case "external_account" if file.credential_source.executable is not None:
            # runs nothing unless GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES says so
            return partial(pluggable.Credentials.from_info, scopes=SCOPES)
        case "external_account":
            return partial(identity_pool.Credentials.from_info, scopes=SCOPES)
        case kind:
            raise refused(f"credentials of the type {kind!r} are not known here.", source.origin.mend)


def _refresh_token_of(made: _Credentials) -> SecretStr:
    match made:
        case credentials.Credentials() | external_account_authorized_user.Credentials():
            return SecretStr(cast("str | None", made.refresh_token) or "")
        case _:
            return SecretStr("")


def _not_made(error: Exception, source: _Source, *, is_answered: bool) -> AccountRefused | TryAgain:
    """What google-auth makes of an answer that it cannot read, or of this machine: a proof of identity that is not
    there, an executable that may not run or does not work."""
    # what follows may be the answer itself
    words = said(f"{type(error).__name__}: {error.args[0] if error.args else ''}", source.origin)
    if is_answered or (isinstance(error, GoogleAuthError) and cast("bool", error.retryable)):
        return TryAgain(f"The token endpoint's answer is of no use: google-auth says {words!r}.")
    return refused(f"google-auth says {words!r}.", source.origin.mend, rest=RECHECK_SECONDS)


# --- connections ------------------------------------------------------------------------------------------


class _NoToken(GoogleAuthError):
    """An answer of an endpoint that refuses. Of no kind that google-auth catches."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"status {answer.status}")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class _Response:
    """As google-auth's `Response`."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    data: bytes = field(repr=False)


class _Request(Request):
    """How google-auth sends requests.

    State: the last answer, which is the one with the token once google-auth has one.
    """

    def __init__(self, client: httpx.Client, *, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self.last: Answer | None = None

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002  part of the interface; ours counts
        **options: object,
    ) -> Response:
        """Raises: TransportError: no whole answer came. _NoToken: it refuses."""
        if options:
            raise TransportError(f"{', '.join(options)}: not supported")
        try:
            self.last = answer = self._send(url, method, body, headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TransportError(type(error).__name__) from error
        if answer.status >= 400:
            raise _NoToken(answer)
        return cast("Response", _Response(answer.status, answer.headers, answer.body))

    def _send(
        self, url: str, method: str, body: bytes | str | None, headers: Mapping[str, str] | None
    ) -> Answer:
        ends = self._clock() + WHOLE_SECONDS
        with self._client.stream(method, url, content=body, headers=headers) as response:
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > SMALL_BYTES or self._clock() > ends:
                    raise TransportError("no end")
            return Answer(response.status_code, response.headers, content)
