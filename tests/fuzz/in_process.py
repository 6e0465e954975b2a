"""The whole way from a client's bytes to Gemini's double and back, in one process and without a socket.

Everything but mitmproxy and the transport is the gateway's own. The double is the simulator's API, which refuses what Gemini
would refuse.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, override

import httpx
from pydantic import SecretStr

from antigravity_addon.accounts.account import Account, ApiKey
from antigravity_addon.accounts.pool import AccountPool
from antigravity_addon.gateway.admission import Refusal
from antigravity_addon.gateway.attempt import Upstream
from antigravity_addon.gateway.bookkeeping import Bookkeeping
from antigravity_addon.gateway.client_stream import Head
from antigravity_addon.gateway.gateway import Gateway
from antigravity_addon.gateway.heads import RequestHead
from antigravity_addon.gateway.legs import Leg
from antigravity_addon.gateway.settings import Settings
from antigravity_addon.gateway.trace import Trace
from antigravity_addon.simulator.api import Api, ReceivedRequest
from antigravity_addon.simulator.damage import Pace
from antigravity_addon.simulator.exchange import Exchange
from antigravity_addon.simulator.families import address_of
from antigravity_addon.simulator.tokens import Tokens
from antigravity_addon.state.memory import KeptConversation, KeptItem, KeptResponse
from antigravity_addon.state.sqlite import SqliteMemory
from antigravity_addon.state.sqlite_file import IN_MEMORY, SqliteFile
from antigravity_addon.upstream.endpoint import Authorization, UpstreamRequest
from antigravity_addon.upstream.endpoints import Endpoints
from antigravity_addon.upstream.remedies import Lessons
from antigravity_addon.upstream.transport import UpstreamResponse
from antigravity_addon.upstream.web_media import Fetched, Kinds, WebMedia

NOON = 1_795_046_400.0
KNOWN = "known"
"""What is kept under this name, with the prefix of its kind, is there before each request."""
PIXEL = b"\x89PNG\r\n\x1a\n" + bytes(16)
_SETTINGS = Settings(max_attempts=1, longest_wait=0, keepalive_seconds=0, default_model="gemini-2.5-flash")
_ITEM = KeptItem(
    f"msg_{KNOWN}",
    is_input=True,
    content=b'{"id":"msg_known","type":"message","role":"user","content":[{"type":"input_text","text":"before"}]}',
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A client's request."""

    method: str
    target: str
    content_type: str
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def to_bytes(self) -> bytes:
        """As it lies in the corpus: a line each for what is asked and for what it is, and an empty one."""
        head = f"{self.method} {self.target}\n{self.content_type}\n\n"
        return head.encode("utf-8", "surrogateescape") + self.body

    @classmethod
    def from_bytes(cls, content: bytes) -> "Asked":
        head, _, body = content.partition(b"\n\n")
        line, _, content_type = head.decode("utf-8", "surrogateescape").partition("\n")
        method, _, target = line.partition(" ")
        return cls(method, target, content_type, body)


@dataclass(frozen=True, slots=True)
class Sent:
    """An upstream request, and the status it was answered with."""

    body: bytes
    status: int


@dataclass(slots=True)
class Answered:
    """What the client has of its answer, and what was asked for it."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    ended: bool = False
    streamed: bool = False
    sent: list[Sent] = field(default_factory=list[Sent])

    async def send(self, *, head: Head | None = None, body: bytes = b"", end: bool = False) -> None:
        assert not self.ended, "something was sent after the end"
        if head is not None:
            assert not self.status, "a second head was sent"
            self.status, self.headers, self.streamed = head.status, dict(head.headers), head.streamed
        self.body += body
        self.ended = self.ended or end


class InProcess:
    """async with InProcess() as gateway: answered = await gateway.ask(asked)

    State: what is kept for clients, put back before each request; and what was sent upstream during one.
    """

    def __init__(self, endpoints: Endpoints | None = None) -> None:
        self._endpoints = endpoints or Endpoints(target="http://double.test", user_agent="test")
        self._api = Api(Pace(), Tokens(seconds_live=1e9, clock=lambda: NOON))
        self._sent: list[Sent] = []
        self._instead: Exchange | None = None
        self._clients = 0
        """Each request is another's: what one has kept is unknown to the next."""
        self._memory = SqliteMemory(
            SqliteFile(IN_MEMORY), clock=lambda: NOON, max_age=1e6, max_bytes=10_000_000
        )
        self._media = _Web(user_agent="test")
        self._books = Bookkeeping(unix_time=lambda: NOON)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._memory.aclose()
        await self._media.aclose()

    async def ask(self, asked: Asked, *, instead: Exchange | None = None) -> Answered:
        """`instead` is what every upstream request is answered with, in place of what the double would say."""
        self._sent, self._instead = [], instead
        answered = Answered(sent=self._sent)
        self._clients += 1
        headers = {"content-type": asked.content_type, "authorization": f"Bearer sk-{self._clients}"}
        head = RequestHead(asked.method, asked.target, headers)
        gateway = self._gateway()
        match gateway.admission.admit(head):
            case Refusal(head=refused, body=said):
                await answered.send(head=refused, body=said, end=True)
            case client:
                if KNOWN.encode() in asked.to_bytes():
                    await self._keep_what_is_known(client.owner)
                admitted = RequestHead(head.method, head.target, head.headers, client=client)
                await gateway.serve(admitted, lambda: asked.body, answered, Trace())
        return answered

    def _gateway(self) -> Gateway:
        """With accounts that nothing has happened to yet: what a request is answered must not depend on others."""
        upstream = Upstream(
            self._endpoints,
            _Keys(),
            AccountPool(
                (Account("ana@example.com", ApiKey(SecretStr("key"))),),
                clock=asyncio.get_running_loop().time,
                unix_time=lambda: NOON,
                chance=lambda: 0.5,
            ),
            self,
            Lessons(),
            chance=lambda: 0.5,
        )
        return Gateway(
            _SETTINGS,
            upstream,
            memory=self._memory,
            media=self._media,
            books=self._books,
            unix_time=lambda: NOON,
        )

    async def _keep_what_is_known(self, owner: str) -> None:
        memory = self._memory
        conversation, response = f"conv_{KNOWN}", f"resp_{KNOWN}"
        await memory.delete_conversation(owner, conversation)
        await memory.keep_conversation(owner, KeptConversation(conversation, int(NOON), b"{}"))
        await memory.append_items(owner, conversation, (_ITEM,))
        kept = KeptResponse(response, int(NOON), None, b'{"id":"resp_known"}', (_ITEM,))
        await memory.keep_response(owner, kept)

    # --- in the place of the transport -------------------------------------------------------------------

    @asynccontextmanager
    async def carry(self, request: UpstreamRequest, leg: Leg) -> AsyncGenerator[UpstreamResponse]:  # noqa: ARG002
        """The carrier."""
        exchange = self._instead or self._api.answer(_received(request))
        self._sent.append(Sent(request.body, exchange.status))
        yield UpstreamResponse(exchange.status, httpx.Headers(dict(exchange.headers)), _pieces(exchange))


def _received(request: UpstreamRequest) -> ReceivedRequest:
    url = httpx.URL(request.url)
    address = address_of(url.path)
    return ReceivedRequest(
        number=0,
        method=request.method,
        path=url.path,
        address=address,
        model=address.model,
        api_key=request.headers.get("x-goog-api-key"),
        bearer=None,
        query=dict(url.params),
        headers=request.headers,
        content=request.body,
    )


async def _pieces(exchange: Exchange) -> AsyncGenerator[bytes]:
    for _, piece in exchange.pieces:
        yield piece


class _Keys:
    """The authorizer."""

    def at_hand(self, account: Account) -> Authorization | None:  # noqa: ARG002
        return None

    async def authorize(self, account: Account) -> Authorization:  # noqa: ARG002
        return Authorization({"x-goog-api-key": "key"})

    def reject(self, account: Account, authorization: Authorization) -> bool:  # noqa: ARG002
        return False


class _Web(WebMedia):
    """Every URL leads to something."""

    @override
    async def fetch(self, url: str, *, param: str, kinds: Kinds) -> Fetched:
        if kinds is Kinds.IMAGE:
            return Fetched(PIXEL, "image/png")
        return Fetched(b"what was there", "text/plain")


def scripted(status: int, headers: Mapping[str, str], *pieces: bytes) -> Exchange:
    return Exchange(status, headers, tuple((0.0, piece) for piece in pieces))
