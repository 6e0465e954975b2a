"""Token endpoints: how they are asked, and what their refusals mean for the account.

Sources: RFC 6749, section 5.2, and what Google's endpoint was seen to say, November 2026.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from pydantic import SecretStr, ValidationError

from antigravity_addon.accounts.credential_files import is_confidential
from antigravity_addon.errors import AccountRefused, TokenUnavailable, UpstreamFailure
from antigravity_addon.wire.oauth import TokenRefusal

from .endpoint import UpstreamRequest
from .transport import Transport, kind_of_cause

WHOLE_SECONDS = 30.0
"""For one question and its answer."""
RETRY_SECONDS = (1.0, 2.0, 4.0)
"""Waits between questions that may yet be answered; a quarter is added by chance."""
REREAD_SECONDS = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Waits between looks at what has replaced a token that was refused. Another gateway that was given the new one writes it
down as soon as the answer is there, which may be a moment after the refusal of the old one."""
RECHECK_SECONDS = 600.0
"""After which an account is asked again whose trouble may end without anybody touching its credentials."""

_REFUSED = "The account this gateway used gets no access token. The gateway's operator has to mend that."
_URL = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?(/[!-~]*)?", re.ASCII)
"""As far as token endpoints go: no user, no password, and nothing that a connection could fail to be made of."""
_LINK = re.compile(r"https?://\S+")
_LIKE_A_SECRET = re.compile(r"[\w.+/=~-]{48,}")
"""Tokens are longer; names of permissions and variables are shorter."""
_SHOWN_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Origin:
    """What credentials are and where they came from, in words for the operator."""

    client: str
    """Id of the OAuth client, or e-mail of the service account."""
    dead: str
    """What `invalid_grant` means for them: a sentence."""
    mend: str
    """What to do about it: a sentence."""
    secrets: tuple[SecretStr, ...] = ()
    """Never to be quoted, not even if the endpoint quotes them."""


class GrantRefused(AccountRefused):
    """What was shown is good no more. Another gateway may just have shown it, and been given what takes its place."""


class TryAgain(Exception):
    """Asked again, the endpoint may answer. Leaves this package as the failure that it holds."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.failure = TokenUnavailable(message)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often an endpoint is asked that does not answer as it should."""

    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    """From 0 to 1."""

    async def ask[T](self, question: Callable[[], Awaitable[T]]) -> T:
        """Raises: TokenUnavailable: after the last try. And what `question` raises besides `TryAgain`."""
        for seconds in RETRY_SECONDS:
            try:
                return await question()
            except TryAgain:
                await self.sleep(seconds * (1 + self.chance() / 4))
        try:
            return await question()
        except TryAgain as last:
            raise last.failure from last.__cause__

    async def replaced[T](self, refused: T, *, read: Callable[[], Awaitable[T]]) -> T | None:
        """What is shown now in place of what was refused; `None` if that stays as it is for some seconds."""
        for seconds in REREAD_SECONDS:
            await self.sleep(seconds)
            if (now := await read()) != refused:
                return now
        return None


async def fetch(transport: Transport, request: UpstreamRequest, *, of: str) -> Answer:
    """`of` names the endpoint in messages.

    Raises: TryAgain: no whole answer came.
    """
    try:
        async with asyncio.timeout(WHOLE_SECONDS), transport.open(request) as response:
            return Answer(response.status, response.headers, await response.read())
    except TimeoutError as error:
        raise TryAgain(f"The {of} gave no answer within {WHOLE_SECONDS:.0f} seconds.") from error
    except UpstreamFailure as failure:
        raise TryAgain(f"The {of} did not answer ({kind_of_cause(failure)}).") from failure


def check_url(url: str, origin: Origin) -> None:
    """Raises: AccountRefused: secrets would travel there in the open."""
    if _URL.fullmatch(url) is None or not is_confidential(url):
        raise refused(
            "its token endpoint's address must begin with https://, or be on this machine.", origin.mend
        )


# --- refusals ---------------------------------------------------------------------------------------------


def refused(why: str, mend: str, *, rest: float | None = None) -> AccountRefused:
    return AccountRefused(_REFUSED, reason=f"No access token: {why} {mend}", rest=rest)


def refusal(answer: Answer, origin: Origin, *, now: float) -> UpstreamFailure | TryAgain:
    """What an answer other than a token means. `now` is Unix time by this machine's clock."""
    try:
        error = TokenRefusal.model_validate_json(answer.body)
    except ValidationError:
        return _unreadable(answer.status)
    if _is_passing(answer.status, error):
        return TryAgain(f"The token endpoint cannot answer now ({answer.status} {said(error.code, origin)}).")
    if _is_about_time(error.description):
        return TokenUnavailable(_wrong_clock(answer.headers, now))
    words = said(f"{error.code}: {error.description}" if error.description else error.code, origin)
    why, rest = _meaning(error, origin)
    failure = refused(f"{why} The token endpoint says {words!r}.", origin.mend, rest=rest)
    return GrantRefused(failure.message, reason=failure.reason) if error.code == "invalid_grant" else failure


def _unreadable(status: int) -> TokenUnavailable | TryAgain:
    """Not the endpoint, by the looks of it, but something in between."""
    message = f"The token endpoint gave an answer that cannot be read (status {status})."
    return TryAgain(message) if status in {200, 408, 429} or status >= 500 else TokenUnavailable(message)


def _is_passing(status: int, error: TokenRefusal) -> bool:
    passing = {"internal_failure", "server_error", "temporarily_unavailable", "rate_limit_exceeded"}
    return status in {408, 429} or status >= 500 or bool(passing & {error.code, error.description})


def _is_about_time(description: str) -> bool:
    return "Invalid JWT" in description and ("short-lived" in description or "timeframe" in description)


def _meaning(error: TokenRefusal, origin: Origin) -> tuple[str, float | None]:
    """A sentence, and for how long the account rests; `None` until it is mended."""
    client = f"OAuth client {origin.client!r}"
    match error.code:
        case "invalid_grant" if "rapt" in error.description:
            return "The organisation asks its people to sign in anew from time to time.", None
        case "invalid_grant":
            return origin.dead, None
        case "invalid_client" | "unauthorized_client" | "deleted_client" | "disabled_client":
            return (
                f"{client} is refused: its id or secret is wrong, or the credentials were issued to another client.",
                None,
            )
        case "invalid_scope":
            return "The credentials do not cover the scope cloud-platform.", None
        case "access_denied":
            return f"The account's owner or organisation denies access to {client}.", None
        case "admin_policy_enforced":
            return f"The organisation's administrators have to allow {client} first.", None
        case "org_internal":
            return f"{client} is only for people of its own organisation.", None
        case "PERMISSION_DENIED":
            return (
                "It takes the role Service Account Token Creator on the account that is impersonated.",
                RECHECK_SECONDS,
            )
        case _:
            return "The token endpoint refuses.", RECHECK_SECONDS


def _wrong_clock(headers: Mapping[str, str], now: float) -> str:
    theirs = server_time(headers)
    ahead = 0.0 if theirs is None else now - theirs.timestamp()
    if abs(ahead) < 1:
        how = "wrong by the token endpoint's, which does not say by how much"
    else:
        span = timedelta(seconds=round(abs(ahead)))
        how = f"{span} (h:mm:ss) {'ahead of' if ahead > 0 else 'behind'} the token endpoint's"
    return f"This machine's clock is {how}, so that no access token can be had: set the clock. No account is to blame."


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """`Date` of an answer."""
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def said(words: str, origin: Origin) -> str:
    """What somebody said, short, in one line, without links and without anything that is or looks like a secret."""
    for secret in origin.secrets:
        if text := secret.get_secret_value():
            words = words.replace(text, "…")
    words = _LIKE_A_SECRET.sub("…", _LINK.sub("(link)", " ".join(words.split())))
    return words[:_SHOWN_LENGTH]
