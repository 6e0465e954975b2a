"""A received request -> what is done with it. Everything but the connection."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from antigravity_addon.wire.base import Json

from .answer import answer, prompt_usage
from .damage import Answered, Pace
from .exchange import JSON_HEADERS, Exchange
from .families import Address, Family
from .faults import Damage, Fault, Plan, Refusal, Selective, planned
from .licences import Licences
from .models import FAULTY, MODELS, Model, find_model, listed
from .refusals import html_page, refused
from .response import Framing, chunks_behind, pretty
from .status import (
    KEY_INVALID,
    KEY_MISSING,
    PRIVATE_API,
    Refused,
    credentials_missing,
    invalid,
    model_not_found,
    unauthenticated,
)
from .tokens import Tokens, holder_of_assertion, read_assertion
from .validate import read_count_request, read_request

PAYER_FAULT = "fault-"
MODEL_FAULT = "gemini-fault-"
METHODS = {"generateContent": Framing.UNARY, "streamGenerateContent": Framing.ARRAY}
"""The framing each method has by itself; `alt=sse` changes the second."""
LEGACY_REASONS = {
    400: "badRequest",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    429: "rateLimitExceeded",
}
"""In the older list of errors; what is not here is the back end's."""
NOT_FOUND = html_page(404, "<!DOCTYPE html>\n<title>Error 404 (Not Found)!!1</title>\n")


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it arrived, to its last byte."""

    number: int
    """Counts from 0, over the life of the server."""
    method: str
    path: str
    address: Address
    """What the path says."""
    model: str | None
    """As named in the path, or in the body where that names it."""
    api_key: str | None = field(repr=False)
    bearer: str | None = field(repr=False)
    """The access token."""
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    disconnected: bool = False
    """The client went away before the end of the answer."""

    @property
    def family(self) -> Family:
        """The API that was called."""
        return self.address.family

    @property
    def called(self) -> str | None:
        """What the model, or Code Assist, is asked to do: `generateContent`, …"""
        return self.address.method

    @property
    def framing(self) -> Framing:
        """How an answer to it is framed."""
        framing = METHODS.get(self.called or "", Framing.UNARY)
        return Framing.SSE if framing is Framing.ARRAY and self.query.get("alt") == "sse" else framing

    @property
    def body(self) -> Json:
        """The content as JSON; read on each access, so that only who asks pays for it."""
        return json.loads(self.content) if self.content else None


@dataclass(frozen=True, slots=True)
class _Payer:
    name: str
    """An API key; of an access token, what it was made of: a refresh token, or the beginning of an address."""
    has_token: bool = False


class Api:
    """The three APIs. Their only state is how often each counted fault has struck, and whose licence it is."""

    def __init__(self, pace: Pace, tokens: Tokens) -> None:
        self._pace = pace
        self._tokens = tokens
        self._licences = Licences()
        self._struck: Counter[str] = Counter()

    def answer(self, received: ReceivedRequest) -> Exchange:
        try:
            exchange = self._answer(received)
        except Refused as error:
            exchange = refused(error.status, in_array=received.framing is Framing.ARRAY)
        if received.family is Family.CODE_ASSIST and received.called == "streamGenerateContent":
            return _in_older_words(exchange)
        return exchange

    def _answer(self, received: ReceivedRequest) -> Exchange:
        payer = self._payer(received)
        fault = self._fault(received, payer)
        if isinstance(fault, Refusal):
            return fault.respond(received.model or FAULTY.name)
        match received.family:
            case Family.GEMINI:
                return self._gemini(received, fault)
            case Family.VERTEX:
                return self._vertex(received, fault)
            case Family.CODE_ASSIST:
                return self._code_assist(received, payer, fault)

    # --- who pays, and which fault that is ---------------------------------------------------------------

    def _payer(self, received: ReceivedRequest) -> _Payer:
        """
        Raises:
            Refused: nobody, or not in a way that this API takes.
        """
        family, called = received.family, received.called or ""
        takes_keys = family is Family.GEMINI or (family is Family.VERTEX and not received.address.project)
        if received.bearer is None:
            if not takes_keys:
                raise Refused(credentials_missing(family, called))
            return _Payer(_checked_key(received.api_key))
        holder = self._tokens.holder(received.bearer)
        if holder is None and family is Family.VERTEX:
            # a service account may sign a token for itself
            claims = read_assertion(received.bearer)
            holder = holder_of_assertion(claims) if claims else None
        if not holder:
            raise Refused(unauthenticated(family, called))
        if family is Family.CODE_ASSIST and "x-goog-user-project" in received.headers:
            raise Refused(PRIVATE_API)
        return _Payer(holder, has_token=True)

    def _fault(self, received: ReceivedRequest, payer: _Payer) -> Fault | None:
        """The fault that strikes this request: the account's, or else the model's.

        Raises:
            Refused: there is no such fault.
        """
        if received.family is Family.CODE_ASSIST and received.model is None:
            # questions about the licence have their own cases
            return None
        generates = received.called in METHODS
        of_payer = _fault_of(payer)
        applies = of_payer is not None and (generates or isinstance(of_payer.fault, Refusal))
        who = f"{'token' if payer.has_token else 'key'} {payer.name}"
        if of_payer is not None and applies and self._strikes(who, of_payer):
            return of_payer.fault
        model = received.model
        of_model = planned(model, MODEL_FAULT) if model is not None and generates else None
        if of_model is not None and self._strikes(f"model {model}", of_model):
            return of_model.fault
        return None

    def _strikes(self, who: str, plan: Plan) -> bool:
        if plan.times is None:
            return True
        self._struck[who] += 1
        return self._struck[who] <= plan.times

    # --- the three APIs ----------------------------------------------------------------------------------

    def _gemini(self, received: ReceivedRequest, fault: Fault | None) -> Exchange:
        if received.address.models and received.model is None and received.method == "GET":
            return _list_models(received.query)
        if received.model is not None and received.called is None and received.method == "GET":
            return _json(_model(received).to_json())
        return self._ask_model(received, fault)

    def _vertex(self, received: ReceivedRequest, fault: Fault | None) -> Exchange:
        if received.model is None and received.method == "GET" and not received.address.project:
            names: list[Json] = [{"name": f"publishers/google/models/{model.name}"} for model in MODELS]
            return _json({"publisherModels": names})
        return self._ask_model(received, fault)

    def _code_assist(self, received: ReceivedRequest, payer: _Payer, fault: Fault | None) -> Exchange:
        operation = received.address.operation
        if operation and received.method == "GET":
            return _json(self._licences.operation(payer.name, operation))
        if received.method != "POST":
            return NOT_FOUND
        match received.called:
            case "loadCodeAssist":
                return _json(self._licences.load(payer.name, received.content))
            case "onboardUser":
                return _json(self._licences.onboard(payer.name, received.content))
            case "retrieveUserQuota":
                return _json(self._licences.quota(payer.name, received.content))
            case _:
                self._licences.check(payer.name)
                return self._ask_model(received, fault)

    def _ask_model(self, received: ReceivedRequest, fault: Fault | None) -> Exchange:
        method, family = received.called, received.family
        if received.model is None and family is Family.CODE_ASSIST and method in (*METHODS, "countTokens"):
            raise invalid("Request contains an invalid argument.")
        if received.model is None or method is None or received.method != "POST":
            return NOT_FOUND
        if method == "countTokens":
            model = _model(received, method)
            usage = prompt_usage(read_count_request(received.content, model, family))
            counted: dict[str, Json] = {"totalTokens": usage.prompt}
            if family is not Family.CODE_ASSIST:
                counted["promptTokensDetails"] = usage.prompt_details()
            return _json(counted)
        if method not in METHODS:
            return NOT_FOUND
        return self._generate(received, _model(received), fault)

    def _generate(self, received: ReceivedRequest, model: Model, fault: Fault | None) -> Exchange:
        framing, family = received.framing, received.family
        asked = read_request(received.content, model, streamed=framing is not Framing.UNARY, family=family)
        # without the token, so that every hop of one answer cuts the same text
        hop_free = repr((model.name, replace(asked, continuation_token=None)))
        turn = replace(answer(asked, model, hashlib.sha256(hop_free.encode()).digest()), family=family)
        behind = chunks_behind(asked.continuation_token or b"") or 0
        answered = Answered(turn.behind(behind), framing, self._pace, behind=behind)
        if isinstance(fault, Selective):
            fault = fault.fault if fault.strikes(asked) else None
        match fault:
            case None:
                return answered.exchange()
            case Damage(damage=damage):
                return damage(answered)
            case Refusal(respond=respond):
                return respond(received.model or model.name)


def model_named_in(content: bytes) -> str | None:
    """The model that the body names, as Code Assist has it; `None` where it names none."""
    try:
        body: Json = json.loads(content)
    except (ValueError, RecursionError):
        return None
    match body:
        case {"model": str(model)}:
            return model
        case {"request": {"model": str(model)}}:
            return model.removeprefix("models/")
        case _:
            return None


def _checked_key(key: str | None) -> str:
    """
    Raises:
        Refused: no key, or one said to be invalid.
    """
    if not key:
        raise Refused(KEY_MISSING)
    if key.startswith("invalid"):
        raise Refused(KEY_INVALID)
    return key


def _fault_of(payer: _Payer) -> Plan | None:
    """
    Raises:
        Refused: a fault nobody knows. Those of the token endpoint have struck there.
    """
    plan = planned(payer.name, PAYER_FAULT)
    if plan is None and payer.name.startswith(PAYER_FAULT) and not payer.has_token:
        raise invalid(f"The simulator knows no fault for the key {payer.name!r}.")
    return plan


def _model(received: ReceivedRequest, method: str = "generateContent") -> Model:
    """
    Raises:
        Refused: 404.
    """
    name = received.model or ""
    model = FAULTY if planned(name, MODEL_FAULT) else find_model(name)
    if model is None:
        place = received.address
        parent = f"projects/{place.project}/locations/{place.location}/" if place.project else ""
        raise Refused(model_not_found(name, method, place.family, parent))
    return model


def _in_older_words(exchange: Exchange) -> Exchange:
    """A refusal as Code Assist's stream has it: in an array, and with the older list of errors in it."""
    if exchange.status == 200 or exchange.headers.get("Content-Type") != JSON_HEADERS["Content-Type"]:
        return exchange
    body: Json = json.loads(b"".join(piece for _, piece in exchange.pieces))
    match body:
        case [{"error": dict(error)}] | {"error": dict(error)}:
            pass
        case _:
            return exchange
    reason = LEGACY_REASONS.get(exchange.status, "backendError")
    older: Json = [{"message": error["message"], "domain": "global", "reason": reason}]
    worded: Json = [{"error": {"code": error["code"], "message": error["message"], "errors": older, **error}}]
    return replace(exchange, pieces=((0.0, pretty(worded) + b"\n"),))


def _json(value: Json) -> Exchange:
    return Exchange(200, JSON_HEADERS, ((0.0, pretty(value) + b"\n"),))


def _list_models(query: Mapping[str, str]) -> Exchange:
    """One page; the token of the next is the place to go on at, in base64."""
    try:
        size = min(int(query.get("pageSize") or 50), 1000)
        start = int(base64.b64decode(query.get("pageToken", ""), altchars=b"-_", validate=True) or 0)
    except ValueError:
        raise invalid("Invalid value for page_size or page_token.") from None
    if size < 1 or start < 0:
        raise invalid("Invalid value for page_size or page_token.")
    models = listed()
    page: dict[str, Json] = {"models": [model.to_json() for model in models[start : start + size]]}
    if start + size < len(models):
        page["nextPageToken"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return _json(page)
