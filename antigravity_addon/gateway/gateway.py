"""The use case: a client's request in, an answer or an OpenAI error object out."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from antigravity_addon.accounts.policy import Strategy, Wish
from antigravity_addon.errors import GatewayError, forget_frames
from antigravity_addon.state.memory import Memory, StateError
from antigravity_addon.upstream.web_media import WebMedia
from antigravity_addon.views.masks import REDACTED

from .admission import Admission
from .attempt import Conditions, Upstream
from .bookkeeping import Bookkeeping, Tally
from .catalog import Catalog
from .client_stream import Head, Sink
from .conversations import conversation_of
from .deadline import Deadline
from .dialects.dialect import Call, Identity, Media, Prepared, Surroundings
from .dialects.registry import DIALECTS
from .ending import Ending
from .exchange import Exchange
from .heads import JSON, AnswerHeads, RequestHead, new_request_id
from .identity import Naming, new_seed
from .kept import Kept
from .legs import Through, unseen
from .models import Models
from .recordings import Recording, Recordings, StandIns, naming_of, settings_of, upstream_of
from .routes import Endpoint, Route, find_route
from .settings import Settings
from .tasks import beside_the_loop, others_first
from .trace import Trace

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that was let in, and what goes with it to its last byte."""

    head: RequestHead
    read_body: Callable[[], bytes]
    id: str
    tally: Tally
    """The way of the answer, too."""
    trace: Trace
    through: Through
    account: str
    """See `Gateway.serve`, as of those around it."""
    ending: Ending

    async def body(self) -> bytes:
        """A few kilobytes may have to be unpacked to many megabytes. Raises: InvalidRequest."""
        is_packed = "content-encoding" in self.head.headers
        return await asyncio.to_thread(self.read_body) if is_packed else self.read_body()


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
        self._settings = settings
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
        self._models = Models(self._catalog)
        self._heads = AnswerHeads(settings, self._books.limits)
        self.admission = Admission(settings, self._books, self._heads)

    @property
    def model_names(self) -> Sequence[str]:
        """That clients may ask for, of those that are known by name."""
        return self._catalog.names()

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
            asked = _Asked(request, read_body, request_id, tally, trace, through, account, ending or Ending())
            try:
                await self._serve(asked)
            except GatewayError as error:
                await self._refuse(error, asked)
                forget_frames(error)
            except StateError as error:
                logger.error("%s What is kept cannot be read: %s", request_id, error)  # noqa: TRY400  a sentence for the operator
                hidden = GatewayError(
                    "What this request goes on from cannot be read; the gateway's log says why."
                )
                await self._refuse(hidden, asked)
            finally:
                if trace.model_asked:
                    logger.info("%s %s", request_id, trace, extra={"trace": trace})

    async def _refuse(self, error: GatewayError, asked: _Asked) -> None:
        head, body = self._heads.error(error, asked.head, request_id=asked.id, trace=asked.trace)
        asked.trace.error = error.label
        await asked.tally.send(head=head, body=body, end=True)

    async def _serve(self, asked: _Asked) -> None:
        request = asked.head
        route = find_route(request.method, request.target)
        asked.tally.endpoint = route.endpoint
        asked.trace.endpoint = route.endpoint.value
        match route.endpoint:
            case Endpoint.HEALTH:
                await self._send(asked, b'{"status":"ok"}')
            case Endpoint.METRICS:
                text, content_type = await self._books.metrics.exposition(
                    request.headers.get("accept", ""), self._settings.account_header
                )
                await self._send(asked, text, content_type=content_type)
            case Endpoint.MODELS:
                await self._send(asked, self._models.list(request.client))
            case Endpoint.MODEL:
                await self._send(asked, self._models.one(route.id, request.client))
            case endpoint if endpoint in DIALECTS:
                await self._exchange(endpoint, asked)
            case _:
                await self._send(asked, await self._kept(route, asked))

    async def _send(self, asked: _Asked, body: bytes, *, content_type: str = JSON) -> None:
        headers = self._heads.common(asked.head, request_id=asked.id) | {"content-type": content_type}
        await asked.tally.send(head=Head(200, headers), body=body, end=True)

    async def _kept(self, route: Route, asked: _Asked) -> bytes:
        head = asked.head
        body = await asked.body() if head.method == "POST" else b""
        recording = None
        if self._recordings is not None:
            recording = self._recordings.of_request(head.method, head.target, body)
        naming = asked.trace.naming = self._naming(recording)
        kept = Kept(self._memory, naming.new_id, naming.unix_time)
        return await kept.answer(route, head, body)

    # --- an answer of a model's -------------------------------------------------------------------------

    async def _exchange(self, endpoint: Endpoint, asked: _Asked) -> None:
        request, trace = asked.head, asked.trace
        body = await asked.body()
        deadline = Deadline.after(self._settings.request_timeout)
        if self._ready is not None:
            async with asked.ending.heard():
                await self._ready.wait()
        content_type = request.headers.get("content-type", "")
        call = await beside_the_loop(lambda: DIALECTS[endpoint](body, content_type), size=len(body))
        self._find_model(call, asked)
        asked.tally.count()
        await others_first()
        prepared = await self._prepare(call, asked, deadline)
        await others_first()
        recording = self._recording_of(asked, body, prepared)
        identity = self._identity(call, trace, recording)
        trace.conversation = conversation_of(
            request.headers,
            call.conversation,
            prepared.bodies[0],
            owner=request.owner,
            response_id=f"resp_{identity.response_id}" if endpoint is Endpoint.RESPONSES else "",
        )
        headers = self._heads.common(request, request_id=asked.id, model=trace.model)
        if recording is not None and not recording.turns:
            # the gateway itself had no answer, and asked nobody
            head = Head(recording.status, headers | {"content-type": JSON})
            await asked.tally.send(head=head, body=recording.answer, end=True)
            return
        exchange = self._new_exchange(prepared, identity, asked, deadline, recording)
        if call.stream:
            await exchange.stream(
                asked.tally,
                lambda account: _stream_head(headers | self._heads.account(account)),
                asked.ending,
            )
        else:
            async with asked.ending.heard():
                account, answer = await exchange.whole()
            head = Head(200, headers | self._heads.account(account) | {"content-type": call.content_type})
            await asked.tally.send(head=head, body=answer, end=True)

    def _find_model(self, call: Call, asked: _Asked) -> None:
        """Raises: ModelNotFound."""
        trace = asked.trace
        # in the log and in metrics: people put their key into the field for the model
        is_key = self._books.keys.is_one(call.model, self._settings)
        trace.model_asked = REDACTED.decode() if is_key else call.model
        match = self._models.match(call.model, asked.head.client)
        trace.model, trace.rule = match.model, str(match)

    async def _prepare(self, call: Call, asked: _Asked, deadline: Deadline) -> Prepared:
        """What a request refers to is fetched within its deadline, too."""
        surroundings = Surroundings(
            asked.head.owner,
            self._memory,
            self._media,
            searches_web=self._catalog.searches_web(call.model),
        )
        async with asked.ending.heard(deadline):
            prepared = await call.prepare(asked.trace.model, surroundings)
        asked.trace.prepared_seconds = asked.trace.seconds
        return prepared

    def _identity(self, call: Call, trace: Trace, recording: Recording | None) -> Identity:
        naming = trace.naming = self._naming(recording)
        trace.created = int(self._unix_time()) if recording is None else recording.created
        return Identity(
            response_id=naming.response_id(),
            created=trace.created,
            model=call.model,
            new_id=naming.new_id,
            unix_time=naming.unix_time,
        )

    def _new_exchange(
        self,
        prepared: Prepared,
        identity: Identity,
        asked: _Asked,
        deadline: Deadline,
        recording: Recording | None,
    ) -> Exchange:
        trace, account = asked.trace, asked.account
        upstream, settings = self._upstream, self._settings
        if self._recordings is not None and recording is not None:
            account = ""
            upstream = upstream_of(recording, upstream, keeps_rhythm=self._recordings.keeps_rhythm)
            settings = settings_of(settings)
        return Exchange(
            prepared,
            wish=_wish(trace.model, trace.conversation, settings, account=account),
            identity=identity,
            conditions=Conditions(
                upstream,
                settings,
                deadline,
                self._unix_time,
                self._books.prices,
                prepared.size,
                asked.through,
            ),
            trace=trace,
        )

    # --- recordings -------------------------------------------------------------------------------------

    def _recording_of(self, asked: _Asked, body: bytes, prepared: Prepared) -> Recording | None:
        """The one to answer from; `None` where an upstream is asked.

        Raises: NotRecorded.
        """
        if self._recordings is None:
            return None
        method, target = asked.head.method, asked.head.target
        recording = (
            self._recordings.of_request(method, target, body)
            or self._recordings.of_turns(asked.trace.model, prepared.bodies)
            or self._recordings.of_likeness(method, target, body)
        )
        if recording is None:
            raise self._recordings.missing(method, target, body)
        return recording

    def _naming(self, recording: Recording | None) -> Naming:
        naming = Naming(new_seed(), self._unix_time)
        return naming if recording is None or not recording.seed else naming_of(recording, naming)


def _wish(model: str, conversation: tuple[str, ...], settings: Settings, *, account: str) -> Wish:
    """One that names its account leaves alone whom the conversation is with."""
    if account:
        return Wish(model, Strategy.FIXED, fixed=account, is_operators=True)
    return Wish(model, settings.strategy, fixed=settings.fixed_account, conversation=conversation)


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
