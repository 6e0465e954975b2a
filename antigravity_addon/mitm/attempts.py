"""Upstream requests as flows of their own, beside the client's: seen, paused, edited, answered, saved like any other.

Every flow passes mitmproxy's whole life cycle, so each addon sees it. What an addon or a person changes takes effect:
the request is sent as it stands after the `request` hook, or not at all if somebody has answered or killed it. An answer
is streamed on as it comes. It is read to its end first, and can be changed in the `response` hook, if it is going to be
intercepted there or a script sets `flow.response.stream = False`, as mitmproxy has it for its own streams. Under
`gateway_redact_bodies` it always passes by, and scripts change it by a function in `flow.response.stream`.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from typing import cast

from cryptography import x509
from mitmproxy import certs, connection, ctx, hooks, http
from mitmproxy.addons.intercept import Intercept
from mitmproxy.connection import TlsVersion
from mitmproxy.flow import Error, Flow
from mitmproxy.net.http import url as http_url
from mitmproxy.proxy.layers.http import (
    HttpErrorHook,
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
)

from antigravity_addon.errors import StreamTruncated, UpstreamFailure, UpstreamUnreachable
from antigravity_addon.gateway.legs import Carrier, Leg
from antigravity_addon.gateway.tasks import beside_the_loop, others_first
from antigravity_addon.gateway.trace import Trace
from antigravity_addon.upstream.endpoint import UpstreamRequest
from antigravity_addon.upstream.transport import Connected, UpstreamResponse

from .annotate import ATTEMPT_KEY, METADATA_KEY, comment_on_attempt
from .body_redaction import redact_request, redact_response, redacts_bodies, will_be_redacted
from .messages import new_request, new_response, new_server, now
from .pauses import resumed
from .redaction import (
    CREDENTIAL_HEADERS,
    redact_answer_headers,
    redact_credentials,
    redacted_answer,
    redacted_credential,
)

_OF_THE_CONNECTION = frozenset({"host", "content-length"})
"""The transport writes them anew."""

type FlowIds = dict[int, list[str]]
"""Attempt flows of an exchange, by the number of the attempt."""


def shown_through(carrier: Carrier, client_flow: http.HTTPFlow, trace: Trace, ids: FlowIds) -> Carrier:
    """In front of `carrier`, if the operator wants to see upstream requests."""
    if not ctx.options.gateway_attempt_flows:
        return carrier
    return AttemptFlows(client_flow, trace.exchange, carrier, ids)


class AttemptFlows:
    """Carries the upstream requests of one exchange, and shows each as a flow."""

    def __init__(self, client_flow: http.HTTPFlow, exchange: str, carrier: Carrier, ids: FlowIds) -> None:
        """`ids` is filled with the flows made."""
        self._client_flow = client_flow
        self._exchange = exchange
        self._carrier = carrier
        self._ids = ids

    @asynccontextmanager
    async def carry(self, request: UpstreamRequest, leg: Leg) -> AsyncGenerator[UpstreamResponse]:
        """See `Carrier`. Raises: UpstreamUnreachable: an operator has killed the flow, too."""
        try:
            shown = self._new_flow(request, leg)
        except ValueError:
            # an address that is none: the carrier says so
            async with self._carrier.carry(request, leg) as response:
                yield response
            return
        credentials = [value for name, value in request.headers.items() if name in CREDENTIAL_HEADERS]
        attempt = _AttemptFlow(shown, request, leg, credentials)
        self._ids.setdefault(leg.attempt, []).append(shown.id)
        outcome, failure = "failed", "The gateway failed; its log says how."
        try:
            await attempt.ask()
            if attempt.flow.response is not None:
                yield attempt.answered()
            else:
                sent = _to_be_sent(attempt.flow, request) if attempt.is_changed() else request
                attempt.is_on_its_way()
                await others_first()
                async with self._carrier.carry(sent, leg) as response:
                    await others_first()
                    yield await attempt.receive(response)
            outcome, failure = "", "The rest of the answer was not wanted."
        except UpstreamFailure as error:
            outcome, failure = error.outcome, str(error)
            raise
        except asyncio.CancelledError:
            outcome, failure = "cancelled", "Nobody waits for this answer any more."
            if (missed := leg.missed()) is not None:
                outcome, failure = missed.outcome, str(missed)
            raise
        finally:
            await attempt.end(outcome, failure=failure)

    def _new_flow(self, request: UpstreamRequest, leg: Leg) -> http.HTTPFlow:
        scheme, name, port, path = _parsed(request.url)
        host, is_tls = name.decode(), scheme == b"https"
        server = new_server(host, port, tls=is_tls, sni=host if is_tls else None)
        shown = http.HTTPFlow(self._client_flow.client_conn, server, live=True)
        shown.request = new_request(
            request.method.encode(),
            path,
            _shown_headers(request, http_url.hostport(scheme.decode(), _bracketed(host), port)),
            scheme=scheme,
            host=host,
            port=port,
            content=request.body,
        )
        shown.request.timestamp_end = now()
        shown.metadata[ATTEMPT_KEY] = {
            "client_flow": self._client_flow.id,
            "exchange": self._exchange,
            "attempt": leg.attempt,
            "hop": leg.hop,
            "choice": leg.choice,
            "account": leg.account.email,
            "upstream": leg.account.upstream.value,
            "model": leg.model,
            "fingerprint": "",
            "outcome": "",
            "rhythm": [],
        }
        comment_on_attempt(shown)
        return shown


class Arrivals:
    """What has come of an answer, and when.

    State: all of it, since a flow gets its body only at the end.
    """

    def __init__(self, rhythm: list[list[int]]) -> None:
        # not in pieces: a heap full of them is not given back to the system, and nothing is copied in the end
        self.body = BytesIO()
        self.rhythm = rhythm
        """Of each piece, milliseconds since the request was sent, and bytes."""
        self._clock = asyncio.get_running_loop().time
        self.begin()

    def begin(self) -> None:
        """The request is sent."""
        self._began = self._clock()

    def note(self, piece: bytes) -> bytes:
        self.body.write(piece)
        self.rhythm.append([int((self._clock() - self._began) * 1000), len(piece)])
        return piece


class _AttemptFlow:
    """One flow on its way through mitmproxy."""

    def __init__(
        self, shown: http.HTTPFlow, request: UpstreamRequest, leg: Leg, credentials: Collection[str]
    ) -> None:
        """`shown` shows `request`, which is paid with `credentials`."""
        self.flow = shown
        self._request = request
        self._leg = leg
        self._made = _what_is_sent(shown.request)
        self._credentials = tuple(credentials)
        self._redacts_bodies = redacts_bodies()
        if self._redacts_bodies:
            will_be_redacted(shown)
        # in the flow while it grows: views see since when the upstream is silent
        self._arrivals = Arrivals(shown.metadata[ATTEMPT_KEY]["rhythm"])
        self._is_whole = False
        self._is_over = False

    async def ask(self) -> None:
        """Raises: UpstreamUnreachable: the flow was killed."""
        await self._fire(HttpRequestHeadersHook(self.flow))
        await self._fire(HttpRequestHook(self.flow))
        if self.flow.error is not None:
            raise UpstreamUnreachable("An operator has stopped this request.")
        self.flow.request.timestamp_end = now()
        self._arrivals.begin()

    def is_changed(self) -> bool:
        """By an addon, or an operator."""
        return _what_is_sent(self.flow.request) != self._made

    def is_on_its_way(self) -> None:
        self._credentials += redact_credentials(self.flow.request)
        if self._redacts_bodies:
            redact_request(self.flow)

    def answered(self) -> UpstreamResponse:
        """By an addon, and nothing was sent."""
        assert self.flow.response is not None  # noqa: S101  the caller has looked
        self._is_whole = True
        return _to_upstream_response(self.flow.response)

    async def receive(self, response: UpstreamResponse) -> UpstreamResponse:
        """Raises: StreamTruncated: it is read to its end at once, and broke off."""
        if response.is_recorded:
            self.flow.is_replay = "response"
        if response.connection is not None:
            describe(self.flow.server_conn, response.connection)
        shown = self.flow.response = shown_response(response)
        redact_answer_headers(shown, self._credentials)
        shown.stream = True
        await self._fire(HttpResponseHeadersHook(self.flow))
        if not self._redacts_bodies and (not shown.stream or _will_be_intercepted(self.flow)):
            return await self._held_back(response)
        return UpstreamResponse(response.status, response.headers, self._noted(response), response.connection)

    async def _held_back(self, response: UpstreamResponse) -> UpstreamResponse:
        async for _ in self._noted(response):
            pass
        await self.end("", failure="")
        assert self.flow.response is not None  # noqa: S101  it was just made
        return _to_upstream_response(self.flow.response)

    async def _noted(self, response: UpstreamResponse) -> AsyncIterator[bytes]:
        transform = self.flow.response.stream if self.flow.response else True
        note = self._arrivals.note
        async for chunk in response.chunks():
            if self.flow.error is not None:
                raise StreamTruncated("An operator has stopped this answer.")
            for piece in _transformed(transform, chunk):
                yield note(piece)
        if callable(transform):
            # a script may have kept something back
            for piece in _transformed(transform, b""):
                yield note(piece)
        self._is_whole = True

    async def end(self, outcome: str, *, failure: str) -> None:
        """The flow is over; `failure` says why, if the answer was not read to its end."""
        shown = self.flow
        shown.metadata[ATTEMPT_KEY] |= {"outcome": outcome, "rhythm": self._arrivals.rhythm}
        comment_on_attempt(shown)
        if self._is_over:
            return
        self._is_over = True
        # now that nobody waits for the request to leave
        shown.metadata[ATTEMPT_KEY]["fingerprint"] = await self._leg.fingerprint(self._request)
        shown.resume()
        self._credentials += redact_credentials(shown.request)
        if shown.response is not None:
            if shown.response.raw_content is None:
                shown.response.raw_content = await self._redacted()
            self._arrivals.body.close()
            shown.response.timestamp_end = now()
        if self._redacts_bodies:
            redact_request(shown)
            redact_response(shown)
        if self._is_whole:
            await self._fire(HttpResponseHook(shown))
        else:
            said = redacted_answer(failure.encode(), self._credentials).decode()
            shown.error = shown.error or Error(said)
            await self._fire(HttpErrorHook(shown))
        shown.live = False

    async def _redacted(self) -> bytes:
        """What has come of the answer."""
        return await beside_the_loop(
            lambda: redacted_answer(self._arrivals.body.getvalue(), self._credentials),
            size=self._arrivals.body.tell(),
        )

    async def _fire(self, hook: hooks.Hook) -> None:
        """The list hears of most hooks by itself: news of a change follows only those that it does not know."""
        addons = ctx.master.addons
        await addons.trigger_event(hook)
        if self.flow.intercepted or isinstance(hook, HttpResponseHeadersHook):
            await addons.trigger_event(hooks.UpdateHook([self.flow]))
        if self.flow.intercepted:
            with self._leg.held():
                await resumed(self.flow)


@lru_cache(maxsize=256)
def _parsed(url: str) -> tuple[bytes, bytes, int, bytes]:
    """Scheme, host, port and path. Raises: ValueError: it is no URL, or that of no host that can be."""
    return http_url.parse(url)


# --- requests ----------------------------------------------------------------------------------------------


def _shown_headers(request: UpstreamRequest, host: str) -> http.Headers:
    """As they are sent, but for what pays."""
    shown = {"host": host, **request.headers, "content-length": str(len(request.body))}
    return http.Headers(
        [
            (name.encode(), (redacted_credential(value) if name in CREDENTIAL_HEADERS else value).encode())
            for name, value in shown.items()
        ]
    )


def _what_is_sent(asked: http.Request) -> tuple[object, ...]:
    data = asked.data
    return data.method, data.scheme, data.host, data.port, data.path, data.headers.fields, data.content


def _to_be_sent(shown: http.HTTPFlow, request: UpstreamRequest) -> UpstreamRequest:
    """The flow's request as it stands by now. What pays goes only where it was meant to go."""
    asked = shown.request
    pays = _parsed(request.url)[:3] == (asked.scheme.encode(), asked.host.encode(), asked.port)
    sent = to_upstream_request(asked)
    headers: dict[str, str] = {}
    for name, value in sent.headers.items():
        if name in CREDENTIAL_HEADERS and value == redacted_credential(request.headers.get(name, "")):
            if pays:
                headers[name] = request.headers[name]
            continue
        headers[name] = value
    return replace(sent, headers=headers)


def to_upstream_request(asked: http.Request) -> UpstreamRequest:
    """As it stands in a flow, but for the headers that the transport writes."""
    own = ((name.lower(), value) for name, value in asked.headers.items())
    headers = {name: value for name, value in own if name not in _OF_THE_CONNECTION}
    url = f"{asked.scheme}://{_bracketed(asked.host)}:{asked.port}{asked.path}"
    return UpstreamRequest(url, headers, asked.raw_content or b"", asked.method)


def _bracketed(host: str) -> str:
    """As a URL has it; mitmproxy (12.2.3) writes the addresses of IPv6 without."""
    return f"[{host}]" if ":" in host else host


# --- answers -----------------------------------------------------------------------------------------------


def shown_response(response: UpstreamResponse) -> http.Response:
    """Its head; the body is not there yet, and comes unpacked."""
    headers = [
        (name, value) for name, value in response.headers.items() if name.lower() != "content-encoding"
    ]
    return new_response(response.status, headers)


def _to_upstream_response(response: http.Response) -> UpstreamResponse:
    """One that somebody else made, or changed."""
    content = response.get_content(strict=False) or b""

    async def whole() -> AsyncIterator[bytes]:
        yield content

    headers = {name.lower(): value for name, value in response.headers.items()}
    return UpstreamResponse(response.status_code, headers, whole())


def _transformed(
    stream: bool | Callable[[bytes], Iterable[bytes] | bytes],  # noqa: FBT001  mitmproxy's own
    chunk: bytes,
) -> Iterable[bytes]:
    """As a script has it that made `flow.response.stream` a function."""
    if not callable(stream):
        return (chunk,)
    made = stream(chunk)
    pieces = (made,) if isinstance(made, bytes) else made
    return filter(None, pieces)


def _will_be_intercepted(shown: http.HTTPFlow) -> bool:
    intercept = ctx.master.addons.get("intercept")
    return isinstance(intercept, Intercept) and intercept.should_intercept(shown)


# --- the connection ----------------------------------------------------------------------------------------


def describe(server: connection.Server, connected: Connected) -> None:
    server.peername, server.sockname = connected.peer, connected.own
    server.timestamp_start = connected.began
    server.timestamp_tcp_setup = connected.ready
    server.state = connection.ConnectionState.CLOSED
    if connected.secured is not None:
        server.timestamp_tls_setup = connected.ready
        server.tls_version = cast("TlsVersion", connected.secured.version)  # both name them as OpenSSL does
        server.cipher = connected.secured.cipher
        server.certificate_list = [_certificate(connected.secured.certificate)]


@lru_cache(maxsize=32)
def _certificate(der: bytes) -> certs.Cert:
    return certs.Cert(x509.load_der_x509_certificate(der))


def redact_replay(shown: http.HTTPFlow) -> None:
    """The upstream was asked anew by mitmproxy, beside the gateway."""
    credentials = redact_credentials(shown.request)
    if (response := shown.response) is not None:
        redact_answer_headers(response, credentials)
        response.raw_content = redacted_answer(response.raw_content or b"", credentials)


def is_attempt(shown: Flow) -> bool:
    """An upstream request's; the client's flow has its trace under another name."""
    return ATTEMPT_KEY in shown.metadata and METADATA_KEY not in shown.metadata
