"""The use case: a client's request in, an answer or an OpenAI error object out."""

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from antigravity_addon.accounts.account import Account, mask_email
from antigravity_addon.accounts.policy import LONGEST_STATED, Strategy, Wish
from antigravity_addon.errors import (
    GatewayError,
    GatewayStopping,
    HostRefused,
    ModelNotFound,
    NoWebSocket,
    OriginRefused,
    TlsRequired,
    TooManyWrongKeys,
    UnknownClientKey,
    UpstreamFailure,
    WrongClientKey,
    WrongMethod,
    forget_frames,
)
from antigravity_addon.state.memory import Memory, StateError
from antigravity_addon.translate.openai_error import to_openai_error
from antigravity_addon.upstream.web_media import WebMedia
from antigravity_addon.views.masks import REDACTED
from antigravity_addon.wire.openai_models import Model, ModelList

from .attempt import Conditions, Upstream
from .bookkeeping import Bookkeeping, Tally
from .catalog import Catalog, Match
from .client_stream import Head, Sink
from .clients import ANYBODY, Client, check_metrics_reader, shown_keys
from .conversations import conversation_of
from .deadline import Deadline
from .dialects.dialect import Identity, Media, Surroundings
from .dialects.registry import DIALECTS
from .doors import NOWHERE, Came
from .ending import Ending
from .exchange import Exchange
from .identity import Naming, new_seed
from .kept import Kept
from .legs import Through, unseen
from .recordings import Recording, Recordings, StandIns, naming_of, settings_of, upstream_of
from .routes import Endpoint, Route, find_route
from .settings import AccountHeader, AuthMode, Settings
from .tasks import beside_the_loop, others_first
from .trace import Trace
from .wrong_keys import RETRY_SECONDS

logger = logging.getLogger(__name__)

_JSON = "application/json"


_RETRY_AFTER_STOP = 5.0
"""Seconds. Another gateway, or this one once it is started again, is there by then."""


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What is known of a request before its body is read."""

    method: str
    target: str = field(repr=False)
    """Path and query."""
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    client: Client = ANYBODY
    """What `Gateway.admit` gave while the headers still had their keys."""
    came: Came = NOWHERE

    @property
    def owner(self) -> str:
        """See `Client.owner`."""
        return self.client.owner

    @property
    def origin(self) -> str | None:
        return self.headers.get("origin")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer to a request that goes no further."""

    head: Head
    body: bytes
    delay: float = 0.0
    """Seconds that it is to wait."""


class Gateway:
    """Serves requests under one set of settings. New settings make a new gateway; exchanges under way keep theirs."""

    def __init__(
        self,
        settings: Settings,
        upstream: Upstream,
        *,
        memory: Memory,
        media: WebMedia,
        books: Bookkeeping | None = None,
        ready: asyncio.Event | None = None,
        unix_time: Callable[[], float] = time.time,  # noqa: TID251
        recordings: Recordings | None = None,
    ) -> None:
        """With `recordings`, no upstream is asked. `ready` is set once it is known what was kept of accounts and budgets; no model is asked before."""
        self.settings = settings
        self._ready = ready
        self._upstream = upstream
        self._recordings = recordings
        self._memory = recordings.memory if recordings is not None else memory
        self._media: Media | None = None
        if settings.fetch_urls:
            self._media = StandIns() if recordings is not None else media
        self._books = books or Bookkeeping(unix_time=unix_time)
        self._unix_time = unix_time
        self._catalog = Catalog(settings.model_rules, default_model=settings.default_model)
        self._models = _Models(self._catalog)

    @property
    def model_names(self) -> Sequence[str]:
        """That clients may ask for, of those that are known by name."""
        return self._catalog.names()

    def admit(self, request: RequestHead, *, is_stopping: bool = False) -> Client | Refusal:
        """Decide on the head alone, with its keys in it, whether a request is let in: whose it is then.

        A process that `is_stopping` lets nobody in.
        """
        try:
            self.settings.doors.check(request.method, request.headers, request.came)
            if request.method == "OPTIONS":
                preflight = self.settings.doors.preflight_headers(request.headers)
                return Refusal(Head(204, {"x-request-id": new_request_id()} | preflight), b"")
            client, endpoint = self._check_key_and_route(request)
        except GatewayError as error:
            return self._refusal(error, request)
        # what was counted up to the end is worth a last look
        if is_stopping and endpoint is not Endpoint.METRICS:
            return self._turn_away(request, endpoint)
        return client

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
        head, body = self._error(error, request, request_id=new_request_id(), trace=Trace())
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
        return self.settings.doors.client_address(request.headers, request.came)

    def _turn_away(self, request: RequestHead, endpoint: Endpoint) -> Refusal:
        """Whoever comes while the process ends."""
        error = GatewayStopping(
            f"The gateway is being stopped and takes no new requests. Please try again in {_RETRY_AFTER_STOP:g}s.",
            retry_after=_RETRY_AFTER_STOP,
        )
        self._books.metrics.count_request(client="", endpoint=endpoint, status=error.status)
        head, body = self._error(error, request, request_id=new_request_id(), trace=Trace())
        # or the next request would come by the same connection, which is as good as gone
        head = replace(head, headers={**head.headers, "connection": "close"})
        return Refusal(head, b'{"status":"stopping"}' if endpoint is Endpoint.HEALTH else body)

    def _check_key_and_route(self, request: RequestHead) -> tuple[Client, Endpoint]:
        """The key first: a stranger learns nothing of the paths. Which key is needed depends on the path."""
        try:
            # a WebSocket begins with a GET, on the path that POST will take instead
            method = "POST" if _wants_websocket(request) else request.method
            route = find_route(method, request.target)
        except GatewayError:
            self._client_of(request)
            raise
        client = self._client_of(request, is_health=route.endpoint is Endpoint.HEALTH)
        if route.endpoint is Endpoint.METRICS:
            check_metrics_reader(client, request.origin, self.settings)
        if _wants_websocket(request):
            raise NoWebSocket("WebSockets are not served here: send the same request with POST over HTTP.")
        return client, route.endpoint

    def _client_of(self, request: RequestHead, *, is_health: bool = False) -> Client:
        client = self._books.keys.client(request.headers, self.settings, is_health=is_health)
        if self.settings.auth_mode is AuthMode.OFF or client is ANYBODY:
            return client
        if not self._books.wrong_keys.lets_in(self._address_of(request), client.owner):
            raise _no_key_is_looked_at()
        return client

    async def serve(
        self,
        request: RequestHead,
        read_body: Callable[[], bytes],
        sink: Sink,
        trace: Trace,
        *,
        through: Through = unseen,
        account: str = "",
        ending: Ending | None = None,
    ) -> None:
        """Answer a request that was let in: to its last byte, or with an error object.

        `read_body` may raise InvalidRequest. Upstream requests go `through` whoever looks on. `account` is the e-mail of
        the only one that may pay, if it is the operator who asks and wants that. `ending` cuts it short.
        """
        request_id = trace.exchange = new_request_id()
        with self._books.tally(request.client, trace, sink) as tally:
            try:
                route = find_route(request.method, request.target)
                tally.endpoint = route.endpoint
                trace.endpoint = route.endpoint.value
                way = _Way(through, account, ending or Ending())
                await self._serve(route, request, read_body, tally, trace, request_id, way)
            except GatewayError as error:
                await self._refuse(error, request, tally, trace, request_id)
                forget_frames(error)
            except StateError as error:
                logger.error("%s What is kept cannot be read: %s", request_id, error)  # noqa: TRY400  a sentence for the operator
                hidden = GatewayError(
                    "What this request goes on from cannot be read; the gateway's log says why."
                )
                await self._refuse(hidden, request, tally, trace, request_id)
            finally:
                if trace.model_asked:
                    logger.info("%s %s", request_id, trace, extra={"trace": trace})

    async def _refuse(
        self, error: GatewayError, request: RequestHead, sink: Sink, trace: Trace, request_id: str
    ) -> None:
        head, body = self._error(error, request, request_id=request_id, trace=trace)
        trace.error = error.label
        await sink.send(head=head, body=body, end=True)

    async def _serve(
        self,
        route: Route,
        request: RequestHead,
        read_body: Callable[[], bytes],
        tally: Tally,
        trace: Trace,
        request_id: str,
        way: "_Way",
    ) -> None:
        match route.endpoint:
            case Endpoint.HEALTH:
                await self._send(tally, request, request_id, b'{"status":"ok"}')
            case Endpoint.METRICS:
                text, content_type = await self._books.metrics.exposition(
                    request.headers.get("accept", ""), self.settings.account_header
                )
                await self._send(tally, request, request_id, text, content_type=content_type)
            case Endpoint.MODELS:
                await self._send(tally, request, request_id, self._models.list(request.client))
            case Endpoint.MODEL:
                await self._send(tally, request, request_id, self._models.one(route.id, request.client))
            case endpoint if endpoint in DIALECTS:
                # a few kilobytes may have to be unpacked to many megabytes
                is_packed = "content-encoding" in request.headers
                body = await asyncio.to_thread(read_body) if is_packed else read_body()
                await self._exchange(endpoint, request, body, tally, trace, request_id, way)
            case _:
                recording = self._recording_of(request, read_body)
                naming = trace.naming = self._naming(recording)
                kept = Kept(self._memory, naming.new_id, naming.unix_time)
                answer = await kept.answer(route, request, read_body)
                await self._send(tally, request, request_id, answer)

    async def _exchange(
        self,
        endpoint: Endpoint,
        request: RequestHead,
        body: bytes,
        tally: Tally,
        trace: Trace,
        request_id: str,
        way: "_Way",
    ) -> None:
        deadline = Deadline.after(self.settings.request_timeout)
        if self._ready is not None:
            async with way.ending.heard():
                await self._ready.wait()
        content_type = request.headers.get("content-type", "")
        call = await beside_the_loop(lambda: DIALECTS[endpoint](body, content_type), size=len(body))
        trace.model_asked = self._named(call.model)
        match = self._models.match(call.model, request.client)
        trace.model, trace.rule = match.model, str(match)
        model = match.model
        tally.count()
        recording = self._recording_of(request, lambda: body)
        await others_first()
        surroundings = Surroundings(
            request.owner,
            self._memory,
            self._media,
            searches_web=self._catalog.searches_web(call.model),
        )
        # what a request refers to is fetched within its deadline, too
        async with way.ending.heard(deadline):
            prepared = await call.prepare(model, surroundings)
        trace.prepared_seconds = trace.seconds
        await others_first()
        if self._recordings is not None:
            recording = (
                recording
                or self._recordings.of_turns(model, prepared.bodies)
                or self._recordings.of_likeness(request.method, request.target, body)
            )
            if recording is None:
                raise self._recordings.missing(request.method, request.target, body)
        naming = trace.naming = self._naming(recording)
        trace.created = int(self._unix_time()) if recording is None else recording.created
        identity = Identity(
            response_id=naming.response_id(),
            created=trace.created,
            model=call.model,
            new_id=naming.new_id,
            unix_time=naming.unix_time,
        )
        trace.conversation = conversation_of(
            request.headers,
            call.conversation,
            prepared.bodies[0],
            owner=request.owner,
            response_id=f"resp_{identity.response_id}" if endpoint is Endpoint.RESPONSES else "",
        )
        upstream, settings = self._way_upstream(recording)
        exchange = Exchange(
            prepared,
            wish=_wish(model, trace.conversation, settings, account="" if recording else way.account),
            identity=identity,
            conditions=Conditions(
                upstream, settings, deadline, self._unix_time, self._books.prices, way.through
            ),
            trace=trace,
        )
        headers = self._headers(request, request_id=request_id, trace=trace)
        if recording is not None and not recording.turns:
            # the gateway itself had no answer, and asked nobody
            head = Head(recording.status, headers | {"content-type": _JSON})
            await tally.send(head=head, body=recording.answer, end=True)
        elif call.stream:
            await exchange.stream(
                tally, lambda account: _stream_head(headers | self._account_header(account)), way.ending
            )
        else:
            async with way.ending.heard():
                account, answer = await exchange.whole()
            head = Head(200, headers | self._account_header(account) | {"content-type": call.content_type})
            await tally.send(head=head, body=answer, end=True)

    # --- recordings -------------------------------------------------------------------------------------

    def _named(self, model: str) -> str:
        """In the log, and in metrics: people put their key into the field for the model."""
        return REDACTED.decode() if self._books.keys.is_one(model, self.settings) else model

    def _recording_of(self, request: RequestHead, read_body: Callable[[], bytes]) -> Recording | None:
        """Of the very same request."""
        if self._recordings is None:
            return None
        return self._recordings.of_request(request.method, request.target, read_body())

    def _naming(self, recording: Recording | None) -> Naming:
        naming = Naming(new_seed(), self._unix_time)
        return naming if recording is None or not recording.seed else naming_of(recording, naming)

    def _way_upstream(self, recording: Recording | None) -> tuple[Upstream, Settings]:
        if self._recordings is None or recording is None:
            return self._upstream, self.settings
        upstream = upstream_of(recording, self._upstream, keeps_rhythm=self._recordings.keeps_rhythm)
        return upstream, settings_of(self.settings)

    async def _send(
        self,
        sink: Sink,
        request: RequestHead,
        request_id: str,
        body: bytes,
        *,
        content_type: str = _JSON,
    ) -> None:
        headers = self._headers(request, request_id=request_id, trace=Trace()) | {
            "content-type": content_type
        }
        await sink.send(head=Head(200, headers), body=body, end=True)

    def _error(
        self, error: GatewayError, request: RequestHead, *, request_id: str, trace: Trace
    ) -> tuple[Head, bytes]:
        headers = self._headers(request, request_id=request_id, trace=trace) | error_headers(error)
        if isinstance(error, UpstreamFailure) and trace.account:
            headers |= self._masked_account_header(trace.account)
        return Head(error.status, headers), to_openai_error(error).to_json()

    def _headers(self, request: RequestHead, *, request_id: str, trace: Trace) -> dict[str, str]:
        """What every response carries."""
        headers = {"x-request-id": request_id}
        if trace.model:
            headers["x-mapped-model"] = trace.model
        if request.client.key is not None:
            headers |= self._books.limits.headers(request.client.key)
        return headers | self.settings.doors.cors_headers(request.origin)

    def _account_header(self, account: Account | None) -> dict[str, str]:
        if account is None or self.settings.account_header is AccountHeader.OFF:
            return {}
        if self.settings.account_header is AccountHeader.MASKED:
            return self._masked_account_header(account.email)
        return {"x-account-email": account.email}

    def _masked_account_header(self, email: str) -> dict[str, str]:
        """On an error the account is named only as far as its operator needs to know it again."""
        if self.settings.account_header is AccountHeader.OFF:
            return {}
        # headers are Latin-1 at best
        return {"x-account-email": mask_email(email).replace("…", "***")}


@dataclass(frozen=True, slots=True)
class _Way:
    """How a request goes to the upstream."""

    through: Through
    account: str
    """See `Gateway.serve`."""
    ending: Ending


def _wish(model: str, conversation: tuple[str, ...], settings: Settings, *, account: str) -> Wish:
    """One that names its account leaves alone whom the conversation is with."""
    if account:
        return Wish(model, Strategy.FIXED, fixed=account, is_operators=True)
    return Wish(model, settings.strategy, fixed=settings.fixed_account, conversation=conversation)


class _Models:
    """The models that there are for a client, and the bodies of the model endpoints."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def match(self, name: str, client: Client) -> Match:
        """The rule that serves `name`.

        Raises: ModelNotFound: none, or it is not for this client.
        """
        match = self._catalog.match(name)
        if not client.may_use(name, match.model):
            raise ModelNotFound(
                f"The model {name[:200]!r} does not exist or you do not have access to it. GET /v1/models lists "
                "the names that this API key may use."
            )
        return match

    def list(self, client: Client) -> bytes:
        names = (name for name in self._catalog.names() if client.may_use(name, self._catalog.resolve(name)))
        return ModelList(data=tuple(self._model(name) for name in names)).to_json()

    def one(self, name: str, client: Client) -> bytes:
        self._catalog.require(name)
        self.match(name, client)
        return self._model(name).to_json()

    def _model(self, name: str) -> Model:
        return Model(id=name, created=self._catalog.created, owned_by="google")


def _stream_head(headers: Mapping[str, str]) -> Head:
    return Head(
        200,
        {
            **headers,
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-cache",
            "x-accel-buffering": "no",
        },
        streamed=True,
    )


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


def _wants_websocket(request: RequestHead) -> bool:
    return request.headers.get("upgrade", "").lower() == "websocket"


def new_request_id() -> str:
    """For `x-request-id`, which SDKs show in their errors."""
    return f"req_{secrets.token_hex(16)}"


def error_headers(error: GatewayError) -> dict[str, str]:
    """Of the answer that says it, whoever gives it."""
    headers = {"content-type": _JSON}
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
