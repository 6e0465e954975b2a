"""A token endpoint on this machine, which answers as it is told."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.test_utils import TestServer

from antigravity_addon.wire.base import Json

GRANTED: Json = {
    "access_token": "access-1",
    "expires_in": 3599,
    "token_type": "Bearer",
    "id_token": "id-secret",
}


@dataclass(frozen=True, slots=True)
class Reply:
    body: Json | bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    is_cut_off: bool = False
    """The connection ends instead."""

    def response(self, request: web.Request) -> web.Response:
        if self.is_cut_off and request.transport is not None:
            request.transport.abort()
        if isinstance(self.body, bytes):
            return web.Response(body=self.body, status=self.status, headers=self.headers)
        return web.json_response(self.body, status=self.status, headers=self.headers)


def error(code: Json, description: str | None = None, *, status: int = 400, **more: str) -> Reply:
    described = {} if description is None else {"error_description": description}
    return Reply({"error": code, **described, **more}, status)


CUT_OFF = Reply({}, is_cut_off=True)


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: str

    @property
    def form(self) -> Mapping[str, str]:
        return dict(parse_qsl(self.body, keep_blank_values=True))


@dataclass
class TokenServer:
    url: str = ""
    replies: list[Reply] = field(default_factory=list[Reply])
    """For the next requests; after the last of them each gets a token, `access-1` and so on."""
    asked: list[Asked] = field(default_factory=list[Asked])
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared, it is silent."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """A request is there."""

    def __post_init__(self) -> None:
        self.open.set()

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://").rstrip("/")

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(Asked(request.method, request.path_qs, request.headers, await request.text()))
        self.arrived.set()
        await self.open.wait()
        if self.replies:
            return self.replies.pop(0).response(request)
        return Reply({**granted(), "access_token": f"access-{len(self.asked)}"}).response(request)


def granted(**fields: Json) -> dict[str, Json]:
    assert isinstance(GRANTED, dict)
    return {**GRANTED, **fields}


@asynccontextmanager
async def token_server() -> AsyncGenerator[TokenServer]:
    server = TokenServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    async with TestServer(app, host="127.0.0.1") as running:
        server.url = str(running.make_url("/"))
        yield server
        server.open.set()
