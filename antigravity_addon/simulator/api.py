"""A received request -> what is done with it. Everything but the connection."""

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from antigravity_addon.wire.base import Json

from .answer import answer, prompt_usage
from .exchange import JSON_HEADERS, Exchange
from .faults import Answered, Damage, Fault, Pace, Plan, Refusal, Selective, html_page, planned, refused
from .models import FAULTY, Model, find_model, listed
from .response import Framing, chunks_behind, pretty
from .status import KEY_INVALID, KEY_MISSING, Refused, invalid, model_not_found
from .validate import read_count_request, read_request

MODEL_PATH = re.compile(r"/v1beta/models/(?P<model>[^/:]+)(?::(?P<method>\w+))?")
KEY_FAULT = "fault-"
MODEL_FAULT = "gemini-fault-"
METHODS = {"generateContent": Framing.UNARY, "streamGenerateContent": Framing.ARRAY}
"""The framing each method has by itself; `alt=sse` changes the second."""
NOT_FOUND = html_page(404, "<!DOCTYPE html>\n<title>Error 404 (Not Found)!!1</title>\n")


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it arrived, to its last byte."""

    number: int
    """Counts from 0, over the life of the server."""
    method: str
    path: str
    model: str | None
    """As named in the path."""
    called: str | None
    """What the model is asked to do: `generateContent`, …"""
    api_key: str | None = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    disconnected: bool = False
    """The client went away before the end of the answer."""

    @property
    def framing(self) -> Framing:
        """How an answer to it is framed."""
        framing = METHODS.get(self.called or "", Framing.UNARY)
        return Framing.SSE if framing is Framing.ARRAY and self.query.get("alt") == "sse" else framing

    @property
    def body(self) -> Json:
        """The content as JSON; read on each access, so that only who asks pays for it."""
        return json.loads(self.content) if self.content else None


class Api:
    """The Gemini API. Its only state is how often each counted fault has struck."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._struck: Counter[str] = Counter()

    def answer(self, received: ReceivedRequest) -> Exchange:
        try:
            fault = self._fault(received)
            if isinstance(fault, Refusal):
                return fault.respond(received.model or FAULTY.name)
            return self._route(received, fault)
        except Refused as error:
            return refused(error.status, in_array=received.framing is Framing.ARRAY)

    def _fault(self, received: ReceivedRequest) -> Fault | None:
        """The fault that strikes this request: the account's, or else the model's.

        Raises:
            Refused: for a key that is missing or wrong.
        """
        key, model = received.api_key, received.model
        of_key = _fault_of_key(key)
        generates = received.called in METHODS
        applies = of_key is not None and (generates or isinstance(of_key.fault, Refusal))
        if of_key is not None and applies and self._strikes(f"key {key}", of_key):
            return of_key.fault
        of_model = planned(model, MODEL_FAULT) if model is not None and generates else None
        if of_model is not None and self._strikes(f"model {model}", of_model):
            return of_model.fault
        return None

    def _strikes(self, who: str, plan: Plan) -> bool:
        if plan.times is None:
            return True
        self._struck[who] += 1
        return self._struck[who] <= plan.times

    def _route(self, received: ReceivedRequest, fault: Fault | None) -> Exchange:
        method = received.called
        if received.path == "/v1beta/models" and received.method == "GET":
            return _list_models(received.query)
        if received.model is None:
            return NOT_FOUND
        if method is None:
            return _json(_model(received.model).to_json()) if received.method == "GET" else NOT_FOUND
        if received.method != "POST":
            return NOT_FOUND
        if method == "countTokens":
            model = _model(received.model, method)
            usage = prompt_usage(read_count_request(received.content, model))
            return _json({"totalTokens": usage.prompt, "promptTokensDetails": usage.prompt_details()})
        if method not in METHODS:
            return NOT_FOUND
        return self._generate(received, _model(received.model), fault)

    def _generate(self, received: ReceivedRequest, model: Model, fault: Fault | None) -> Exchange:
        framing = received.framing
        asked = read_request(received.content, model, streamed=framing is not Framing.UNARY)
        # without the token, so that every hop of one answer cuts the same text
        hop_free = repr((model.name, replace(asked, continuation_token=None)))
        turn = answer(asked, model, hashlib.sha256(hop_free.encode()).digest())
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


def _fault_of_key(key: str | None) -> Plan | None:
    """
    Raises:
        Refused: no key, a key said to be invalid, a fault nobody knows.
    """
    if not key:
        raise Refused(KEY_MISSING)
    if key.startswith("invalid"):
        raise Refused(KEY_INVALID)
    plan = planned(key, KEY_FAULT)
    if plan is None and key.startswith(KEY_FAULT):
        raise invalid(f"The simulator knows no fault for the key {key!r}.")
    return plan


def _model(name: str, method: str = "generateContent") -> Model:
    """
    Raises:
        Refused: 404.
    """
    model = FAULTY if planned(name, MODEL_FAULT) else find_model(name)
    if model is None:
        raise Refused(model_not_found(name, method))
    return model


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
