"""Checks of a gateway that runs, from where its clients stand: is it there, is it ours, does the key work, who answers.

A key is sent to nothing that has not shown first that it is a gateway of ours.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from antigravity_addon.errors import UpstreamBroken, UpstreamFailure, UpstreamTimeout, UpstreamUnreachable
from antigravity_addon.upstream.endpoint import UpstreamRequest
from antigravity_addon.upstream.transport import Transport, kind_of_cause
from antigravity_addon.wire.sse import ServerSentEvent, SseDecoder

from .finding import Finding, Standing, ok, problem, skipped

_SECONDS = 5.0
"""For an answer that needs no model."""
_OURS = re.compile(r"req_[0-9a-f]{32}")
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_TOKENS = 16
"""Some of them are for thinking."""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """What is shown to the gateway, and where it is from."""

    variable: str
    """To be named, if there is none."""
    secret: SecretStr | None = None

    def headers(self) -> Mapping[str, str]:
        if self.secret is None:
            return {}
        return {"authorization": f"Bearer {self.secret.get_secret_value()}"}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def said(self) -> str:
        """The message of OpenAI's error object."""
        return _message(self.body) or f"HTTP {self.status}."


class _Error(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    message: str


class _Failed(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    error: _Error


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str


class _Models(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    data: tuple[_Model, ...]


def _message(body: bytes | str) -> str | None:
    try:
        return " ".join(_Failed.model_validate_json(body).error.message.split())
    except ValidationError:
        return None


class GatewayProbe:
    def __init__(
        self,
        transport: Transport,
        url: str,
        key: ClientKey,
        *,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`url` is without `/v1`; `seconds` are for a whole answer of a model."""
        self._transport = transport
        self._url = url
        self._key = key
        self._seconds = seconds
        self._clock = clock

    async def findings(
        self, model: str, *, has_default_model: bool, requests: bool
    ) -> AsyncGenerator[Finding]:
        """Each stands on the one before. `requests`: a model may be asked a word."""
        steps: Mapping[str, Callable[[], Awaitable[Finding]]] = {
            "gateway": self.check_gateway,
            "client key": self.check_key,
            "model": lambda: self.check_model(model, has_default=has_default_model),
            "request": lambda: self.check_request(model),
        }
        missing = ""
        for check, step in steps.items():
            if missing:
                yield skipped(check, f"It needs the {missing} first.")
            elif check == "request" and not requests:
                yield skipped(check, "No model was to be asked.")
            else:
                found = await step()
                missing = check if found.standing is Standing.PROBLEM else ""
                yield found

    async def check_gateway(self) -> Finding:
        """Something listens, and it is ours. No key is shown."""
        check, url = "gateway", self._url
        start = "Start it: uv run mitmdump -s addon.py. Or say where it is: --url URL"
        try:
            answer = await self._get("/healthz", {})
        except UpstreamTimeout:
            return problem(check, f"{url} gives no answer within {_SECONDS:g} seconds.", start)
        except UpstreamUnreachable as error:
            return self._unreachable(error, start)
        except UpstreamBroken:
            return problem(check, f"What listens at {url} speaks no HTTP, so it is no gateway.", start)
        if _OURS.fullmatch(answer.headers.get("x-request-id", "")):
            return ok(check, f"A gateway answers at {url}.")
        port = urlsplit(url).port
        return problem(
            check,
            f"What listens at {url} is no gateway, but another program: it answered {answer.status} to /healthz.",
            f"End what has port {port}, or give the gateway another one (listen_port) and say so: --url URL",
        )

    def _unreachable(self, error: UpstreamUnreachable, start: str) -> Finding:
        cause = kind_of_cause(error)
        if cause == "SSLCertVerificationError":
            return problem(
                "gateway",
                f"What listens at {self._url} shows a certificate that nobody here vouches for; a gateway's is mitmproxy's own.",
                "Use http, or put a proxy with a real certificate in front.",
            )
        if urlsplit(self._url).hostname in _HERE:
            if cause == "ConnectionRefusedError":
                return problem("gateway", f"Nothing listens at {self._url}.", start)
            return problem("gateway", f"{self._url} cannot be reached ({cause}).", start)
        if cause in {"ServerDisconnectedError", "ConnectionResetError", "ClientOSError"}:
            return problem(
                "gateway",
                f"{self._url} hangs up: a gateway that serves its own machine alone does that.",
                "Start it with gateway_allow_lan_access=true, and a key.",
            )
        return problem(
            "gateway",
            f"{self._url} cannot be reached ({cause}). Gateways listen on 127.0.0.1 alone, if nothing else is said.",
            "Start it there, with gateway_allow_lan_access=true and a key.",
        )

    async def check_key(self) -> Finding:
        check, key = "client key", self._key
        answer = await self._get_or_failure("/v1/models", key.headers())
        if isinstance(answer, str):
            return problem(check, answer)
        if answer.status == 401 and key.secret is None:
            return problem(
                check,
                f"The gateway asks for a key, and there is none in {key.variable}.",
                f"export {key.variable}=…, or name another variable: --key-env NAME",
            )
        if answer.status == 401:
            return problem(
                check,
                f"The gateway does not take the key in {key.variable}: {answer.said}",
                "Put there what it was started with, or a new one: antigravity keys add NAME",
            )
        if answer.status != 200:
            return problem(check, f"/v1/models cannot be had: {answer.said}")
        try:
            count = len(_Models.model_validate_json(answer.body).data)
        except ValidationError:
            return problem(check, "/v1/models is no list of models.")
        how = "without a key" if key.secret is None else f"with the key in {key.variable}"
        return ok(check, f"The gateway lets in {how}, and lists {count} models.")

    async def check_model(self, model: str, *, has_default: bool) -> Finding:
        answer = await self._get_or_failure(f"/v1/models/{quote(model, safe='')}", self._key.headers())
        if isinstance(answer, str):
            return problem("model", answer)
        if answer.status == 200:
            return ok("model", f"{model} is served.")
        if has_default and answer.status == 404:
            return ok("model", f"{model} is served by gateway_default_model.")
        return problem("model", answer.said, "Name another with --model, or add a rule: gateway_model_map.")

    async def check_request(self, model: str) -> Finding:
        """As a client asks, streamed, for a few tokens."""
        question = {
            "model": model,
            "stream": True,
            "max_completion_tokens": _TOKENS,
            "messages": [{"role": "user", "content": "Hi"}],
        }
        request = UpstreamRequest(
            f"{self._url}/v1/chat/completions",
            {**self._key.headers(), "content-type": "application/json"},
            json.dumps(question).encode(),
        )
        started = self._clock()
        try:
            async with asyncio.timeout(self._seconds), self._transport.open(request) as response:
                if response.status != 200:
                    answer = _Answer(response.status, response.headers, await response.read_error())
                    return problem("request", f"{model} gave no answer: {answer.said}", _MEND)
                first, failure = None, None
                async for event in _events(response.chunks()):
                    first = first or self._clock()
                    failure = failure or _message(event.data)
        except TimeoutError:
            return problem("request", f"There was no whole answer after {self._seconds:g} seconds.", _MEND)
        except UpstreamFailure:
            return problem("request", "The gateway broke the answer off.", "Its log says why.")
        if failure is not None or first is None:
            return problem(
                "request", f"{model} began to answer, and failed: {failure or 'nothing came.'}", _MEND
            )
        served = response.headers.get("x-mapped-model", "?")
        account = response.headers.get("x-account-email", "an account that the gateway does not name")
        return ok(
            "request",
            f"{served} answered for {model}, paid by {account}; the first token took {round((first - started) * 1000)} ms.",
        )

    async def _get_or_failure(self, path: str, headers: Mapping[str, str]) -> _Answer | str:
        try:
            return await self._get(path, headers)
        except UpstreamFailure as failure:
            return f"The gateway gives no answer to {path} any more ({kind_of_cause(failure)})."

    async def _get(self, path: str, headers: Mapping[str, str]) -> _Answer:
        """Raises: UpstreamTimeout, UpstreamUnreachable, UpstreamBroken, StreamTruncated."""
        request = UpstreamRequest(f"{self._url}{path}", headers, b"", method="GET")
        try:
            async with asyncio.timeout(_SECONDS), self._transport.open(request) as response:
                body = await (response.read() if response.status == 200 else response.read_error())
                return _Answer(response.status, response.headers, body)
        except TimeoutError as error:
            raise UpstreamTimeout("There was no answer in time.") from error


_MEND = "antigravity accounts list says who rests; the gateway's log and mitmweb have every attempt."


async def _events(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[ServerSentEvent]:
    decoder = SseDecoder.of_upstream()
    async for chunk in chunks:
        for item in decoder.feed(chunk):
            if isinstance(item, ServerSentEvent):
                yield item
