"""What mitmweb's own server does for its page, in turns with clients who are being served, and a little more.

mitmweb (12.2.3) does each of these in one go, and nobody is served meanwhile: a list of 2,000 flows with 256 MB of bodies takes
it 0.3 s, saving them 7 s, a view of a text of 5 MB 0.6 s.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import chain, islice
from typing import Any, override

from mitmproxy import contentviews, flowfilter, http
from mitmproxy.contentviews import Contentview, ContentviewRegistry, Metadata
from mitmproxy.exceptions import FlowReadException
from mitmproxy.flow import Flow
from mitmproxy.io import FlowReader, tnetstring
from mitmproxy.tcp import TCPMessage
from mitmproxy.tools.web import app as mitmweb
from mitmproxy.udp import UDPMessage
from mitmproxy.utils.strutils import cut_after_n_lines, escape_control_characters
from mitmproxy.websocket import WebSocketMessage
from tornado.escape import json_encode
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError

from antigravity_addon.gateway.tasks import LARGE

from .web_updates import Updates, tell_bodies_apart

_PATH = (
    r"/flows/(?P<flow_id>[0-9a-f\-]+)/(?P<message>request|response|messages)"
    r"/content/(?P<content_view>[0-9a-zA-Z\-\_%]+)(?:\.json)?"
)
"""As mitmweb (12.2.3) has it."""
_FOLLOWS = "gateway_follows_the_browser"
_reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="content views")
"""One, and not of those that large requests are worked on in: people who read along wait for each other."""


def follow(app: mitmweb.Application) -> None:
    """What a browser shows is in focus. Once is enough, however often addon.py is loaded again."""
    if app.settings.get(_FOLLOWS):
        return
    app.settings[_FOLLOWS] = True
    pages = [
        (_PATH, _Shown),
        (r"/flows(?:\.json)?", _Listed),
        (r"/flows/dump", _Saved),
        (r"/updates", Updates),
    ]
    app.add_handlers(".*", pages)
    app.transforms = [_SmallOnesPacked]
    tell_bodies_apart()


# --- a body in a view --------------------------------------------------------------------------------------


class _Shown(mitmweb.FlowContentView):
    """Asks for the password as every page of mitmweb does.

    State: whether anybody still wants it. Who goes through the list with the arrow keys asks for each, and leaves it.
    """

    _is_wanted = True

    @override
    def on_connection_close(self) -> None:
        self._is_wanted = False

    @override
    async def get(  # pyright: ignore[reportIncompatibleMethodOverride]  tornado awaits what it is given
        self, flow_id: str, message: str, content_view: str
    ) -> None:
        # mitmproxy's own filter may hide what the browser's shows
        if self.flow in self.view:
            self.view.focus.flow = self.flow
        make = super().get
        await asyncio.get_running_loop().run_in_executor(
            _reader, lambda: make(flow_id, message, content_view) if self._is_wanted else None
        )

    @override
    def message_to_json(
        self,
        view_name: str,
        message: http.Message | TCPMessage | UDPMessage | WebSocketMessage,
        flow: Any,
        max_lines: int | None = None,
        from_client: bool | None = None,
        timestamp: float | None = None,
    ) -> dict[str, Any]:
        """As mitmweb makes it, of no more than is asked for."""
        known = "auto" if view_name.lower() == "auto" else view_name
        shown = contentviews.prettify_message(message, flow, known, registry=_FirstLines(max_lines))
        facts = {"from_client": from_client, "timestamp": timestamp}
        return vars(shown) | {name: value for name, value in facts.items() if value is not None}

    @override
    def compute_etag(self) -> None:
        """None: it would take as long as to send it."""


class _FirstLines(ContentviewRegistry):
    """mitmproxy's views, of whose texts the first lines are wanted."""

    def __init__(self, number: int | None) -> None:
        super().__init__()
        self._number = number

    @override
    def get_view(self, data: bytes, metadata: Metadata, view_name: str = "auto") -> Contentview:
        return _Beginning(contentviews.registry.get_view(data, metadata, view_name), self._number)


class _Beginning(Contentview):
    def __init__(self, view: Contentview, lines: int | None) -> None:
        self._view = view
        self._lines = lines

    @property
    def name(self) -> str:
        return self._view.name

    @property
    def syntax_highlight(self) -> Any:  # noqa: ANN401  one of mitmproxy's words, of whose type pyright makes nothing
        return self._view.syntax_highlight

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        if self._lines and self.name == "Hex Dump":
            data = data[: (self._lines + 1) * _BYTES_IN_A_LINE]
        text = self._view.prettify(data, metadata)
        if self._lines:
            text = cut_after_n_lines(text, self._lines)
        pieces = (text[begin : begin + LARGE] for begin in range(0, len(text), LARGE))
        return _Escaped("".join(map(escape_control_characters, pieces)))


_BYTES_IN_A_LINE = 16
"""Of a hex dump. All of it would be one call into C, 25 ms for a megabyte."""


class _Escaped(str):
    """Without control characters. mitmproxy looks for them in one call into C, 0.1 s for a million characters of which one is not
    ASCII, and no thread has its turn in it."""

    __slots__ = ()

    @override
    def translate(self, table: object) -> str:
        return self


# --- all flows ---------------------------------------------------------------------------------------------


class _Listed(mitmweb.RequestHandler):
    async def get(self) -> None:
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        await _send(self, _in_brackets(json_encode(mitmweb.flow_to_json(flow)) for flow in list(self.view)))


def _in_brackets(items: Iterable[str]) -> Iterator[bytes]:
    before = "["
    for item in items:
        yield (before + item).encode()
        before = ","
    yield b"]" if before == "," else b"[]"


class _Saved(mitmweb.RequestHandler):
    async def get(self) -> None:
        self.set_header("Content-Disposition", "attachment; filename=flows")
        self.set_header("Content-Type", "application/octet-stream")
        is_wanted = self._filter()
        await _send(
            self, (tnetstring.dumps(flow.get_state()) if is_wanted(flow) else b"" for flow in list(self.view))
        )

    def _filter(self) -> Callable[[Flow], bool]:
        """Raises: APIError: it is none."""
        written = self.get_argument("filter", "")
        if not written:
            return lambda _: True
        try:
            return flowfilter.parse(written)
        except ValueError as error:
            raise mitmweb.APIError(400, str(error)) from None

    async def post(self) -> None:
        """Raises: APIError: it holds something else, or ends in the middle; what it has up to there is listed. For what holds no
        flow at all, the list is not given up."""
        flows = FlowReader(BytesIO(self.filecontents)).stream()
        try:
            first = tuple(islice(flows, 1))
            self.view.clear()
            for flow in chain(first, flows):
                await self.master.load_flow(flow)
                await asyncio.sleep(0)
        except FlowReadException as error:
            raise mitmweb.APIError(400, str(error)) from None


async def _send(page: mitmweb.RequestHandler, pieces: Iterable[bytes]) -> None:
    """As far as the browser wants it, no faster than it takes it."""
    waiting = 0
    try:
        for piece in pieces:
            page.write(piece)
            waiting += len(piece)
            if waiting >= LARGE:
                await page.flush()
                waiting = 0
            await asyncio.sleep(0)
    except StreamClosedError:
        return


class _SmallOnesPacked(mitmweb.GZipContentAndFlowFiles):
    """To pack a megabyte takes 25 ms, and the browser is mostly on this machine."""

    @override
    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        if len(chunk) >= LARGE:
            self._gzipping = False
        return super().transform_first_chunk(status_code, headers, chunk, finishing)
