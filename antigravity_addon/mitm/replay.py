"""Requests asked again by an operator: mitmproxy's own replays of a flow, and new flows beside one that stays.

Both are answered here, a client's request by the gateway, an attempt's by the account that paid for it. Left alone,
mitmproxy would send them over the network as they stand in the flow, `[redacted]` keys included.
"""

import logging
from collections.abc import Callable, Collection, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

from mitmproxy import connection, ctx, http
from mitmproxy.addons.clientplayback import ClientPlayback
from mitmproxy.flow import Flow
from mitmproxy.proxy.layers.http import (
    HttpErrorHook,
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
)
from mitmproxy.proxy.mode_specs import ReverseMode
from pydantic import BaseModel, ValidationError

from antigravity_addon.errors import GatewayError, NotReplayable, UpstreamFailure
from antigravity_addon.gateway.client_keys import OPERATORS_KEY
from antigravity_addon.gateway.clients import ANYBODY, Client
from antigravity_addon.gateway.edited_request import edited
from antigravity_addon.gateway.routes import find_route
from antigravity_addon.upstream.endpoint import UpstreamRequest
from antigravity_addon.upstream.transport import UpstreamResponse

from . import listener
from .annotate import ATTEMPT_KEY, METADATA_KEY, REPLAY_KEY, comment_on_attempt, replay_prefix
from .answer import ReplayedAnswer, body_of, failed_response
from .attempts import Arrivals, describe, is_attempt, shown_response, to_upstream_request
from .body_redaction import (
    has_lost_its_question,
    redact_request,
    redact_response,
    redacts_bodies,
    will_be_redacted,
)
from .compose import Runtime
from .door import refusal
from .messages import now
from .redaction import (
    CREDENTIAL_HEADERS,
    REDACTED,
    redact_answer_headers,
    redact_credentials,
    redacted_answer,
)

logger = logging.getLogger(__name__)

_under_way: set[http.HTTPFlow] = set()
"""Flows of our own making, which nobody answers from a hook. Here, since addon.py may be saved meanwhile."""


def replays_under_way() -> int:
    mitmproxys = ctx.master.addons.get("clientplayback")
    return len(_under_way) + (isinstance(mitmproxys, ClientPlayback) and mitmproxys.inflight is not None)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different this time."""

    model: str = ""
    account: str = ""
    """E-mail of the only account that may pay."""
    prompt: str | None = None

    @property
    def words(self) -> str:
        parts = (
            f"on {self.model}" if self.model else "",
            f"paid by {self.account.partition('@')[0]}@…" if self.account else "",
            "with another prompt" if self.prompt is not None else "",
        )
        return ", ".join(part for part in parts if part)


AS_IT_WAS = Changes()


class _Payer(BaseModel):
    """What a flow says of who has paid, or is to; it may come from a file."""

    account: str = ""


class Replays:
    """Answers what is asked again."""

    def __init__(
        self, runtime: Callable[[], Runtime | None], clients: MutableMapping[http.HTTPFlow, Client]
    ) -> None:
        """`runtime` gives that of the day; `clients` says whose flows are, as long as the process knows it."""
        self._runtime_of_the_day = runtime
        self._clients = clients

    # --- answers ----------------------------------------------------------------------------------------

    async def answer(self, flow: http.HTTPFlow) -> None:
        """A flow that mitmproxy is about to send: there is an answer in it afterwards, whatever happens."""
        if flow not in _under_way:
            await self._answer(flow)

    async def _answer(self, flow: http.HTTPFlow) -> None:
        try:
            runtime = self._running()
            check_whole(flow)
            if is_attempt(flow):
                await _resend(flow, runtime)
            else:
                await self._serve(flow, runtime)
        except GatewayError as error:
            flow.response = refusal(error, flow.request)
            if isinstance(error, NotReplayable):
                logger.error("A flow cannot be replayed: %s", error)  # noqa: TRY400  a sentence for the operator
            if is_attempt(flow):
                note_outcome(flow, error.outcome if isinstance(error, UpstreamFailure) else error.label, [])
        except Exception:
            logger.exception("A replay failed in a way that nobody foresaw.")
            flow.response = failed_response(flow.request)

    def _running(self) -> Runtime:
        runtime = self._runtime_of_the_day()
        if runtime is None:
            raise NotReplayable("The gateway does not run; the log says why.")
        return runtime

    async def _serve(self, flow: http.HTTPFlow, runtime: Runtime) -> None:
        gateway = runtime.gateway_for(listener.open_mode(flow.client_conn.proxy_mode))
        # what was kept for the client is there; limits are for those who ask, and that is the operator
        client = Client(OPERATORS_KEY, self._clients.get(flow, ANYBODY).owner)
        await ReplayedAnswer(flow, client=client, account=_only_payer(flow).account).run(gateway)

    # --- flows of our own -------------------------------------------------------------------------------

    def beside(self, first: http.HTTPFlow, changes: Changes = AS_IT_WAS) -> http.HTTPFlow:
        """A new flow that asks what `first` has asked; `play` brings it on its way.

        Raises: GatewayError, EditError: it cannot be asked again, or not with these changes.
        """
        check_whole(first)
        again = http.HTTPFlow(first.client_conn.copy(), _server_of(first.request), live=True)
        again.request = first.request.copy()
        again.request.timestamp_start = again.request.timestamp_end = now()
        again.is_replay = "request"
        again.metadata[REPLAY_KEY] = {
            "of": first.id,
            "model": changes.model,
            "account": changes.account,
            "prompt": changes.prompt is not None,
        }
        if is_attempt(first):
            again.metadata[ATTEMPT_KEY] = dict(first.metadata[ATTEMPT_KEY])
            note_outcome(again, "", [])
        else:
            again.comment = replay_prefix(again) + (changes.words or "as it was")
            _change(again, changes)
        if (client := self._clients.get(first)) is not None:
            self._clients[again] = client
        return again

    async def play(self, flow: http.HTTPFlow) -> None:
        """Through mitmproxy's whole life cycle, where it can be paused, edited, answered and killed like any other."""
        _under_way.add(flow)
        if redacts_bodies():
            will_be_redacted(flow)
        fire = ctx.master.addons.handle_lifecycle
        try:
            await fire(HttpRequestHeadersHook(flow))
            await fire(HttpRequestHook(flow))
            if flow.response is None and flow.error is None:
                await self._answer(flow)
            if flow.error is None:
                _end_now(flow)
                await fire(HttpResponseHeadersHook(flow))
                await fire(HttpResponseHook(flow))
            else:
                await fire(HttpErrorHook(flow))
        finally:
            flow.live = False
            _under_way.discard(flow)


def _end_now(flow: http.HTTPFlow) -> None:
    """Without an end, lists show a request that is under way."""
    if flow.response is not None and flow.response.timestamp_end is None:
        flow.response.timestamp_end = now()


def check_whole(flow: http.HTTPFlow) -> None:
    """Raises: NotReplayable: the request is not there any more as it was sent."""
    if has_lost_its_question(flow):
        raise NotReplayable(
            "What it asked was redacted when it was kept, since gateway_redact_bodies was on. Send the request anew."
        )
    if flow.request.raw_content is None:
        raise NotReplayable("The body of this request was not kept, so it cannot be asked again.")


def is_askable(flow: Flow) -> bool:
    """A client's flow, or an attempt's."""
    if not isinstance(flow, http.HTTPFlow) or flow.websocket is not None:
        return False
    return (
        is_attempt(flow)
        or METADATA_KEY in flow.metadata
        or isinstance(flow.client_conn.proxy_mode, ReverseMode)
    )


def _change(again: http.HTTPFlow, changes: Changes) -> None:
    """Raises: GatewayError, EditError."""
    if changes.model or changes.prompt is not None:
        route = find_route(again.request.method, again.request.path)
        again.request.content = edited(
            route.endpoint, body_of(again.request), model=changes.model, prompt=changes.prompt
        )


def _only_payer(flow: http.HTTPFlow) -> _Payer:
    try:
        return _Payer.model_validate(flow.metadata.get(REPLAY_KEY, {}))
    except ValidationError:
        return _Payer()


def _server_of(request: http.Request) -> connection.Server:
    return connection.Server(address=(request.host, request.port))


# --- attempts ----------------------------------------------------------------------------------------------


def note_outcome(flow: http.HTTPFlow, outcome: str, rhythm: list[list[int]]) -> None:
    """Of an attempt, in its metadata and its comment. What a file says of it may lack anything."""
    defaults: dict[str, Any] = {"attempt": 1, "hop": 1, "account": "", "model": ""}
    flow.metadata[ATTEMPT_KEY] = (
        defaults | flow.metadata[ATTEMPT_KEY] | {"outcome": outcome, "rhythm": rhythm}
    )
    comment_on_attempt(flow)


async def _resend(flow: http.HTTPFlow, runtime: Runtime) -> None:
    """Raises: GatewayError: there is no answer, or nobody who would pay."""
    try:
        paid = _Payer.model_validate(flow.metadata[ATTEMPT_KEY])
    except ValidationError:
        raise NotReplayable("This flow does not say which account has paid for it.") from None
    resender = runtime.resender_for(listener.open_mode(flow.client_conn.proxy_mode))
    request = _unpaid(flow.request)
    if own := redact_credentials(flow.request):
        # mitmproxy would save what it was before with it
        flow._backup = None  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    if redacts_bodies():
        redact_request(flow)
    async with resender.resend(request, email=paid.account) as resent:
        await _receive(flow, resent.response, (*resent.credentials, *own))
    if redacts_bodies():
        redact_response(flow)


def _unpaid(request: http.Request) -> UpstreamRequest:
    """As it stands. A credential that was redacted is left out; one that an operator wrote there instead stays."""
    sent = to_upstream_request(request)
    headers = {
        name: value
        for name, value in sent.headers.items()
        if not (name in CREDENTIAL_HEADERS and REDACTED in value)
    }
    return replace(sent, headers=headers)


async def _receive(flow: http.HTTPFlow, response: UpstreamResponse, credentials: Collection[str]) -> None:
    arrivals = Arrivals([])
    shown = shown_response(response)
    redact_answer_headers(shown, credentials)
    if response.connection is not None:
        describe(flow.server_conn, response.connection)
    outcome = "" if response.status == 200 else str(response.status)
    try:
        async for piece in response.chunks():
            arrivals.note(piece)
    except UpstreamFailure as failure:
        # what came of the answer is worth seeing
        outcome = failure.outcome
    shown.raw_content = redacted_answer(arrivals.body.getvalue(), credentials)
    shown.timestamp_end = now()
    flow.response = shown
    note_outcome(flow, outcome, arrivals.rhythm)
