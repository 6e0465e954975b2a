"""google-auth itself: all on threads, this module's import included.

google-auth is synchronous. Its requests are sent by us, and it is given no refusal: an answer that is none it would retry,
sleep over and reword in its own way, so that answer ends its work and is judged like any other.
"""

# google-auth 2.63 says that it is typed, and leaves its arguments without types
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from subprocess import SubprocessError
from typing import Protocol, cast

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

from antigravity_addon.accounts.tokens import Token
from antigravity_addon.errors import AccountRefused
from antigravity_addon.wire.base import JsonObject
from antigravity_addon.wire.oauth import TokenAnswer, seconds_left

from .endpoint import UpstreamRequest
from .google_file import SCOPES, Source
from .token_endpoint import RECHECK_SECONDS, Answer, TryAgain, refusal, refused, said, server_time

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


class Credentials(Protocol):
    """google-auth says little about its types."""

    @property
    def token(self) -> object: ...

    def refresh(self, request: Request) -> None: ...


type Ask = Callable[[UpstreamRequest], Answer]
"""On the thread that it is called on. Raises: TryAgain: no whole answer came."""


class GoogleLibrary:
    """What google-auth does with files and answers."""

    def __init__(self, unix_time: Callable[[], float]) -> None:
        self._unix_time = unix_time

    @staticmethod
    def load(source: Source, refresh_token: SecretStr) -> Credentials:
        """Takes long to check a private key.

        Raises: AccountRefused: google-auth cannot make anything of the file.
        """
        shown = refresh_token.get_secret_value()
        content = {**source.content, "refresh_token": shown} if shown else dict(source.content)
        try:
            return cast("Credentials", _loader(source)(content))
        except (GoogleAuthError, ValueError, TypeError, KeyError, AttributeError) as error:
            words = said(f"{type(error).__name__}: {error.args[0] if error.args else ''}", source.origin)
            raise refused(
                f"google-auth cannot use these credentials: {words!r}.", source.origin.mend
            ) from None

    def refresh(self, made: Credentials, source: Source, ask: Ask) -> Token:
        """Raises: AccountRefused, TokenUnavailable, TryAgain."""
        request = _Request(ask)
        try:
            made.refresh(request)
        except _NoToken as error:
            raise refusal(error.answer, source.origin, now=self._unix_time()) from None
        except TransportError as error:
            raise TryAgain(str(error)) from error
        except _LOCAL_TROUBLES as error:
            raise _not_made(error, source, is_answered=request.last is not None) from None
        try:
            token = TokenAnswer.model_validate({"access_token": made.token})
        except ValidationError:
            raise TryAgain("The token endpoint gave no token that can be used.") from None
        return Token(token.access_token, self._life(request.last))

    @staticmethod
    def refresh_token_of(made: Credentials) -> SecretStr:
        match made:
            case credentials.Credentials() | external_account_authorized_user.Credentials():
                return SecretStr(cast("str | None", made.refresh_token) or "")
            case _:
                return SecretStr("")

    def _life(self, answer: Answer | None) -> float:
        """google-auth's own `expiry` is by this machine's clock, or by the server's, without saying which."""
        if answer is None:
            return 0.0  # it signed the token itself
        now = server_time(answer.headers) or datetime.fromtimestamp(self._unix_time(), UTC)
        return seconds_left(answer.body, now=now)


def _loader(source: Source) -> Callable[[JsonObject], object]:
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


def _not_made(error: Exception, source: Source, *, is_answered: bool) -> AccountRefused | TryAgain:
    """What google-auth makes of an answer that it cannot read, or of this machine: a proof of identity that is not
    there, an executable that may not run or does not work."""
    # what follows may be the answer itself
    words = said(f"{type(error).__name__}: {error.args[0] if error.args else ''}", source.origin)
    if is_answered or (isinstance(error, GoogleAuthError) and cast("bool", error.retryable)):
        return TryAgain(f"The token endpoint's answer is of no use: google-auth says {words!r}.")
    return refused(f"google-auth says {words!r}.", source.origin.mend, rest=RECHECK_SECONDS)


# --- requests ---------------------------------------------------------------------------------------------


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

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
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
            raise TransportError(f"The token endpoint was not asked: {', '.join(options)} is not supported.")
        content = body.encode() if isinstance(body, str) else body or b""
        fields = {"accept-encoding": "identity", **(headers or {})}
        try:
            self.last = answer = self._ask(UpstreamRequest(url, fields, content, method))
        except TryAgain as error:
            raise TransportError(str(error)) from error
        except CancelledError as error:
            raise TransportError("The token endpoint was not waited for.") from error
        if answer.status >= 400:
            raise _NoToken(answer)
        return cast("Response", _Response(answer.status, answer.headers, answer.body))
