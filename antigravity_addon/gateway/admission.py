"""Whether a request is let in, by its head alone and while its keys are still in it."""

import logging
from dataclasses import dataclass, replace

from antigravity_addon.errors import (
    GatewayError,
    GatewayStopping,
    HostRefused,
    NoWebSocket,
    OriginRefused,
    TlsRequired,
    TooManyWrongKeys,
    UnknownClientKey,
    WrongClientKey,
)

from .bookkeeping import Bookkeeping
from .client_stream import Head
from .clients import ANYBODY, Client, check_metrics_reader, shown_keys
from .heads import AnswerHeads, RequestHead, new_request_id
from .routes import Endpoint, find_route
from .settings import AuthMode, Settings
from .wrong_keys import RETRY_SECONDS

logger = logging.getLogger(__name__)

_RETRY_AFTER_STOP = 5.0
"""Seconds. Another gateway, or this one once it is started again, is there by then."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer to a request that goes no further."""

    head: Head
    body: bytes
    delay: float = 0.0
    """Seconds that it is to wait."""


class Admission:
    """Decides under one set of settings."""

    def __init__(self, settings: Settings, books: Bookkeeping, heads: AnswerHeads) -> None:
        self._settings = settings
        self._books = books
        self._heads = heads

    def admit(self, request: RequestHead, *, is_stopping: bool = False) -> Client | Refusal:
        """Whose it is, if it is let in. A process that `is_stopping` lets nobody in."""
        try:
            self._settings.doors.check(request.method, request.headers, request.came)
            if request.method == "OPTIONS":
                preflight = self._settings.doors.preflight_headers(request.headers)
                return Refusal(Head(204, {"x-request-id": new_request_id()} | preflight), b"")
            client, endpoint = self._check_key_and_route(request)
        except GatewayError as error:
            return self._refusal(error, request)
        # what was counted up to the end is worth a last look
        if is_stopping and endpoint is not Endpoint.METRICS:
            return self._turn_away(request, endpoint)
        return client

    def _check_key_and_route(self, request: RequestHead) -> tuple[Client, Endpoint]:
        """The key first: a stranger learns nothing of the paths. Which key is needed depends on the path."""
        try:
            # a WebSocket begins with a GET, on the path that POST will take instead
            method = "POST" if request.wants_websocket else request.method
            route = find_route(method, request.target)
        except GatewayError:
            self._client_of(request)
            raise
        client = self._client_of(request, is_health=route.endpoint is Endpoint.HEALTH)
        if route.endpoint is Endpoint.METRICS:
            check_metrics_reader(client, request.origin, self._settings)
        if request.wants_websocket:
            raise NoWebSocket("WebSockets are not served here: send the same request with POST over HTTP.")
        return client, route.endpoint

    def _client_of(self, request: RequestHead, *, is_health: bool = False) -> Client:
        client = self._books.keys.client(request.headers, self._settings, is_health=is_health)
        if self._settings.auth_mode is AuthMode.OFF or client is ANYBODY:
            return client
        if not self._books.wrong_keys.lets_in(self._address_of(request), client.owner):
            raise _no_key_is_looked_at()
        return client

    # --- refusals ---------------------------------------------------------------------------------------

    def _refusal(self, error: GatewayError, request: RequestHead) -> Refusal:
        delay = 0.0
        if isinstance(error, UnknownClientKey):
            seconds = self._take_down_wrong_key(request)
            if seconds is None:
                error = _no_key_is_looked_at()
            else:
                delay = seconds
        if (reason := _reason(error, request)) is not None:
            self._books.metrics.count_refusal(reason)
        self._books.metrics.count_request(client="", endpoint=None, status=error.status)
        head, body = self._heads.error(error, request, request_id=new_request_id())
        return Refusal(head, body, delay=delay)

    def _take_down_wrong_key(self, request: RequestHead) -> float | None:
        """The seconds that its answer is to wait; see `Verdict.delay`."""
        address = self._address_of(request)
        verdict = self._books.wrong_keys.judge(address)
        if verdict.is_worth_a_line:
            logger.warning(
                "%s showed a wrong key, for the %d. time in a row.", address or "A client", verdict.count
            )
        return verdict.delay

    def _address_of(self, request: RequestHead) -> str:
        return self._settings.doors.client_address(request.headers, request.came)

    def _turn_away(self, request: RequestHead, endpoint: Endpoint) -> Refusal:
        """Whoever comes while the process ends."""
        error = GatewayStopping(
            f"The gateway is being stopped and takes no new requests. Please try again in {_RETRY_AFTER_STOP:g}s.",
            retry_after=_RETRY_AFTER_STOP,
        )
        self._books.metrics.count_request(client="", endpoint=endpoint, status=error.status)
        head, body = self._heads.error(error, request, request_id=new_request_id())
        # or the next request would come by the same connection, which is as good as gone
        head = replace(head, headers={**head.headers, "connection": "close"})
        return Refusal(head, b'{"status":"stopping"}' if endpoint is Endpoint.HEALTH else body)


def _no_key_is_looked_at() -> TooManyWrongKeys:
    return TooManyWrongKeys(
        "Too many wrong API keys come from your address, so no key is looked at that has not been used from there before. "
        f"Please try again in {RETRY_SECONDS:g}s.",
        retry_after=RETRY_SECONDS,
    )


def _reason(error: GatewayError, request: RequestHead) -> str | None:
    """Why a request was not let in, for the metrics; `None` if its path or method was wrong."""
    match error:
        case UnknownClientKey():
            return "wrong_key"
        case WrongClientKey() if not any(shown_keys(request.headers)):
            return "no_key"
        case WrongClientKey() | HostRefused() | OriginRefused() | TlsRequired() | TooManyWrongKeys():
            return error.code
        case _:
            return None
