"""Heads: of a client's request, before its body is read, and of what it is answered."""

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from antigravity_addon.accounts.account import Account, mask_email
from antigravity_addon.accounts.policy import LONGEST_STATED
from antigravity_addon.errors import GatewayError, NoWebSocket, UpstreamFailure, WrongClientKey, WrongMethod
from antigravity_addon.translate.openai_error import to_openai_error

from .client_stream import Head
from .clients import ANYBODY, Client
from .doors import NOWHERE, Came
from .limits import Limits
from .settings import AccountHeader, Settings
from .trace import Trace

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What is known of a request before its body is read."""

    method: str
    target: str = field(repr=False)
    """Path and query."""
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    client: Client = ANYBODY
    """What `Admission.admit` gave while the headers still had their keys."""
    came: Came = NOWHERE

    @property
    def owner(self) -> str:
        """See `Client.owner`."""
        return self.client.owner

    @property
    def origin(self) -> str | None:
        return self.headers.get("origin")

    @property
    def wants_websocket(self) -> bool:
        return self.headers.get("upgrade", "").lower() == "websocket"


class AnswerHeads:
    """Makes heads of answers, under one set of settings."""

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self._settings = settings
        self._limits = limits

    def common(self, request: RequestHead, *, request_id: str, model: str = "") -> dict[str, str]:
        """Headers that every answer carries. `model` is Gemini's; empty where none was found."""
        headers = {"x-request-id": request_id}
        if model:
            headers["x-mapped-model"] = model
        if request.client.key is not None:
            headers |= self._limits.headers(request.client.key)
        return headers | self._settings.doors.cors_headers(request.origin)

    def account(self, account: Account | None) -> dict[str, str]:
        """The header that names who served; `None`: nobody had to pay."""
        if account is None or self._settings.account_header is AccountHeader.OFF:
            return {}
        if self._settings.account_header is AccountHeader.MASKED:
            return self._masked(account.email)
        return {"x-account-email": account.email}

    def error(
        self, error: GatewayError, request: RequestHead, *, request_id: str, trace: Trace | None = None
    ) -> tuple[Head, bytes]:
        """With the error object. `trace` is that of an exchange which had begun."""
        model, account = (trace.model, trace.account) if trace is not None else ("", "")
        headers = self.common(request, request_id=request_id, model=model) | error_headers(error)
        if isinstance(error, UpstreamFailure) and account:
            headers |= self._masked(account)
        return Head(error.status, headers), to_openai_error(error).to_json()

    def _masked(self, email: str) -> dict[str, str]:
        """On an error the account is named only as far as its operator needs to know it again."""
        if self._settings.account_header is AccountHeader.OFF:
            return {}
        # headers are Latin-1 at best
        return {"x-account-email": mask_email(email).replace("…", "***")}


def new_request_id() -> str:
    """For `x-request-id`, which SDKs show in their errors."""
    return f"req_{secrets.token_hex(16)}"


def error_headers(error: GatewayError) -> dict[str, str]:
    """Of the answer that says it, whoever gives it."""
    headers = {"content-type": JSON}
    if isinstance(error, WrongClientKey):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, WrongMethod):
        headers["allow"] = ", ".join((*error.allowed, "OPTIONS"))
    if isinstance(error, NoWebSocket):
        headers["upgrade"] = "HTTP/1.1"
    if error.retry_after is not None:
        # clients disagree on fractions in it; the SDKs read the other one first
        seconds = min(error.retry_after, LONGEST_STATED)
        headers["retry-after"] = str(math.ceil(seconds))
        headers["retry-after-ms"] = str(math.ceil(seconds * 1000))
    if error.should_retry is not None:
        headers["x-should-retry"] = str(error.should_retry).lower()
    return headers
