"""A transport that opens no connections: each upstream request is answered by a function, in virtual time."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from antigravity_addon.upstream.endpoint import UpstreamRequest
from antigravity_addon.upstream.transport import Transport, UpstreamResponse

type Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    seconds: float = 0.0
    """Until the head comes."""
    rest: tuple[tuple[float, bytes], ...] = ()
    """More of the body, each piece after so many seconds."""
    failure: Exception | None = None
    """Instead of an answer."""


class ScriptedTransport(Transport):
    """Remembers what it was asked to send, and what was cancelled."""

    def __init__(self, reply: Callable[[UpstreamRequest], Reply]) -> None:
        super().__init__()
        self._reply = reply
        self.sent: list[UpstreamRequest] = []
        self.cancelled: list[UpstreamRequest] = []

    @asynccontextmanager
    async def open(self, request: UpstreamRequest) -> AsyncGenerator[UpstreamResponse]:
        self.sent.append(request)
        reply = self._reply(request)
        try:
            await asyncio.sleep(reply.seconds)
            if reply.failure is not None:
                raise reply.failure
            response = httpx.Response(reply.status, headers=dict(reply.headers), stream=_Stream(reply))
            yield UpstreamResponse(reply.status, reply.headers, response.aiter_bytes())
        except asyncio.CancelledError:
            self.cancelled.append(request)
            raise


class _Stream(httpx.AsyncByteStream):
    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._reply.body
        for seconds, piece in self._reply.rest:
            await asyncio.sleep(seconds)
            yield piece


def key_of(request: UpstreamRequest) -> str:
    """What pays for it."""
    return request.headers.get("x-goog-api-key") or request.headers["authorization"].removeprefix("Bearer ")


# --- answers -----------------------------------------------------------------------------------------------


def event(text: str, *, finish: str | None = None, tokens: tuple[int, int, int] | None = None) -> bytes:
    """A message of Gemini's stream; `tokens` are prompt, cached and candidates."""
    candidate: Json = {"content": {"role": "model", "parts": [{"text": text}]}}
    chunk: Json = {"candidates": [candidate]}
    if finish is not None:
        candidate["finishReason"] = finish
    if tokens is not None:
        prompt, cached, output = tokens
        chunk["usageMetadata"] = {
            "promptTokenCount": prompt,
            "cachedContentTokenCount": cached,
            "candidatesTokenCount": output,
        }
    return b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n"


def said(text: str, *, seconds: float = 0.0, tokens: tuple[int, int, int] = (10, 0, 2)) -> Reply:
    """A whole answer."""
    return Reply(body=event(text, finish="STOP", tokens=tokens), seconds=seconds)


_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_RPC = "type.googleapis.com/google.rpc."


def refused(code: int, message: str, *details: Json, seconds: float = 0.0) -> Reply:
    error = {"code": code, "message": message, "status": _STATUS[code], "details": details}
    return Reply(code, json.dumps({"error": error}).encode(), seconds=seconds)


def over_quota(quota_id: str, *, retry_seconds: float | None = None, seconds: float = 0.0) -> Reply:
    """Google's 429; its message is the same for every quota."""
    details: list[Json] = [{"@type": f"{_RPC}QuotaFailure", "violations": [{"quotaId": quota_id}]}]
    if retry_seconds is not None:
        details.append({"@type": f"{_RPC}RetryInfo", "retryDelay": f"{retry_seconds:.3f}s"})
    return refused(429, "You exceeded your current quota.", *details, seconds=seconds)


def bare_429(*, seconds: float = 0.0) -> Reply:
    return refused(429, "Resource has been exhausted (e.g. check quota).", seconds=seconds)


def overloaded(*, seconds: float = 0.0) -> Reply:
    return refused(503, "The model is overloaded. Please try again later.", seconds=seconds)


def dead_key() -> Reply:
    return refused(
        400,
        "API key not valid. Please pass a valid API key.",
        {"@type": f"{_RPC}ErrorInfo", "reason": "API_KEY_INVALID"},
    )
