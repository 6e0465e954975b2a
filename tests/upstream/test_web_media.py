import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from socket import AF_INET, AddressFamily, gaierror

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from antigravity_addon.errors import InvalidRequest
from antigravity_addon.upstream.addresses import IPAddress, is_elsewhere
from antigravity_addon.upstream.web_media import (
    Fetched,
    Kinds,
    Limits,
    WebMedia,
    _redirected,
    _Unfetchable,
)

pytestmark = pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2", "::1"])

PARAM = "messages[0].content[0].image_url.url"
PNG = b"\x89PNG\r\n\x1a\n"
A_PNG = Fetched(PNG, "image/png")
OPEN, FORBIDDEN = "127.0.0.1", "127.0.0.2"
"""Where the tests' servers are; the second stands for the network that clients must not reach."""
NOTHING_THERE = "no web server there gave a whole answer within 10 seconds"


# --- servers and names ------------------------------------------------------------------------------------

type Visit = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What a server does once it has read a request's head."""


@dataclass
class Site:
    """A web server that plays back bytes, each answer on a connection of its own."""

    pages: dict[str, bytes | Visit] = field(default_factory=dict[str, bytes | Visit])
    connections: int = 0
    requests: list[str] = field(default_factory=list[str])
    """Their heads."""
    port: int = 0

    def url(self, path: str, host: str = OPEN) -> str:
        return f"http://{host}:{self.port}{path}"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head)
            page = self.pages[head.split(" ")[1]]
            if isinstance(page, bytes):
                writer.write(page)
                await writer.drain()
            else:
                await page(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()

    @asynccontextmanager
    async def listen(self, host: str = OPEN, port: int = 0) -> AsyncGenerator["Site"]:
        server = await asyncio.start_server(self._answer, host, port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()


def answer(body: bytes = PNG, status: str = "200 OK", **headers: str | None) -> bytes:
    """`content_type="…"` is a header; `None` leaves out one that would be there."""
    fields = {"content_type": "image/png", "content_length": str(len(body)), "connection": "close"} | headers
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return answer(b"", status, location=location)


class Names(AbstractResolver):
    """Host names and what each lookup of them gives, the last answer again and again."""

    def __init__(self, **names: list[list[str]]) -> None:
        self._names = names

    async def look_up(self, host: str) -> list[str]:
        host.encode("idna")  # as the system's resolver is called, which can raise a UnicodeError
        answers = self._names.get(host.removesuffix(".test"))
        if answers is None:
            raise gaierror(-2, "Name or service not known")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_INET) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in await self.look_up(host)
        ]

    async def close(self) -> None:
        pass


def only_open(address: IPAddress) -> bool:
    return str(address) == OPEN


@asynccontextmanager
async def fetching(
    *,
    limits: Limits | None = None,
    clock: Callable[[], float] = lambda: 0.0,
    allows: Callable[[IPAddress], bool] = only_open,
    resolver: AbstractResolver | None = None,
) -> AsyncGenerator[WebMedia]:
    media = WebMedia(
        user_agent="gateway/1", limits=limits, clock=clock, allows=allows, resolver=resolver or Names()
    )
    try:
        yield media
    finally:
        await media.aclose()


@pytest.fixture
async def site() -> AsyncGenerator[Site]:
    async with Site({"/a.png": answer()}).listen() as listening:
        yield listening


@pytest.fixture
async def forbidden() -> AsyncGenerator[Site]:
    """It would answer, so that a test sees whether it was reached."""
    async with Site({"/a.png": answer()}).listen(FORBIDDEN) as listening:
        yield listening


async def image(media: WebMedia, url: str) -> Fetched:
    return await media.fetch(url, param=PARAM, kinds=Kinds.IMAGE)


async def refusal(media: WebMedia, url: str, kinds: Kinds = Kinds.IMAGE) -> str:
    """The reason a client is given, with everything else of the answer checked."""
    with pytest.raises(InvalidRequest) as caught:
        await media.fetch(url, param=PARAM, kinds=kinds)
    error = caught.value
    assert (error.status, error.kind, error.code, error.param) == (
        400,
        "invalid_request_error",
        "invalid_image_url",
        PARAM,
    )
    before, after = f"The URL in '{PARAM}' could not be fetched: ", "."
    assert error.message.startswith(before)
    assert error.message.endswith(after)
    return error.message.removeprefix(before).removesuffix(after)


# --- what is fetched --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "kinds", "expected"),
    [
        pytest.param(page, kinds, expected, id=name)
        for name, (page, kinds, expected) in {
            "C19 a remote image": (
                answer(b"RI", content_type="image/webp"),
                Kinds.IMAGE,
                Fetched(b"RI", "image/webp"),
            ),
            "a type with capitals and parameters": (
                answer(content_type="Image/PNG; q=1"),
                Kinds.IMAGE,
                A_PNG,
            ),
            "no type": (answer(content_type=None), Kinds.IMAGE, Fetched(PNG, "application/octet-stream")),
            "the type of everything": (
                answer(content_type="application/octet-stream"),
                Kinds.IMAGE,
                Fetched(PNG, "application/octet-stream"),
            ),
            "S3's type of everything": (
                answer(content_type="binary/octet-stream"),
                Kinds.ANY_FILE,
                Fetched(PNG, "application/octet-stream"),
            ),
            "no length": (answer(content_length=None), Kinds.IMAGE, A_PNG),
            "in chunks": (
                answer(
                    b"4\r\n\x89PNG\r\n4\r\n\r\n\x1a\n\r\n0\r\n\r\n",
                    content_length=None,
                    transfer_encoding="chunked",
                ),
                Kinds.IMAGE,
                A_PNG,
            ),
            "plainly encoded": (answer(content_encoding="identity"), Kinds.IMAGE, A_PNG),
            "a PDF as a file": (
                answer(b"%PDF-", content_type="application/pdf"),
                Kinds.ANY_FILE,
                Fetched(b"%PDF-", "application/pdf"),
            ),
            "a text as a file": (
                answer(b"a", content_type="text/plain; charset=utf-8"),
                Kinds.ANY_FILE,
                Fetched(b"a", "text/plain"),
            ),
            "a sound as a file": (
                answer(b"ID3", content_type="audio/mpeg"),
                Kinds.ANY_FILE,
                Fetched(b"ID3", "audio/mpeg"),
            ),
        }.items()
    ],
)
async def test_it_gives_the_bytes_and_their_type(
    site: Site, page: bytes, kinds: Kinds, expected: Fetched
) -> None:
    site.pages["/"] = page
    async with fetching() as media:
        assert await media.fetch(site.url("/"), param=PARAM, kinds=kinds) == expected


async def test_a_request_says_who_we_are_and_nothing_about_the_client(site: Site) -> None:
    site.pages["/"] = answer(b"", "302 Found", location="/a.png", set_cookie="id=1; Path=/")
    async with fetching(resolver=Names(site=[[OPEN]])) as media:
        await image(media, site.url("/#part", "site.test"))
    assert site.requests == [
        f"GET {path} HTTP/1.1\r\nHost: site.test:{site.port}\r\nUser-Agent: gateway/1\r\n"
        "Accept-Encoding: identity\r\nAccept: */*\r\n\r\n"
        for path in ("/", "/a.png")
    ]


async def test_no_proxy_of_the_environment_is_used(
    site: Site, forbidden: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", forbidden.url("", FORBIDDEN))
    monkeypatch.delenv("no_proxy", raising=False)
    async with fetching(allows=lambda _: True) as media:
        assert await image(media, site.url("/a.png")) == A_PNG
    assert forbidden.connections == 0


REFUSED_ANSWERS: dict[str, tuple[bytes, Kinds, str]] = {
    "C19 not found": (answer(b"", "404 Not Found"), Kinds.IMAGE, "the web server answered with status 404"),
    "an error": (answer(b"", "500 Broken"), Kinds.IMAGE, "the web server answered with status 500"),
    "a part": (answer(status="206 Partial Content"), Kinds.IMAGE, "the web server answered with status 206"),
    "a redirect that leads nowhere": (
        answer(b"", "302 Found"),
        Kinds.IMAGE,
        "the web server answered with status 302",
    ),
    "a page as an image": (
        answer(content_type="text/html"),
        Kinds.IMAGE,
        "the web server says that it is 'text/html', which is not an image",
    ),
    "a PDF as an image": (
        answer(content_type="application/pdf"),
        Kinds.IMAGE,
        "the web server says that it is 'application/pdf', which is not an image",
    ),
    "a program as a file": (
        answer(content_type="application/x-msdownload"),
        Kinds.ANY_FILE,
        "the web server says that it is 'application/x-msdownload', which is not a file that a model can read",
    ),
    "compressed": (
        answer(content_encoding="gzip"),
        Kinds.IMAGE,
        "the web server sent it compressed, although asked not to",
    ),
    "too large, as its head says": (
        answer(b"", content_length="31"),
        Kinds.IMAGE,
        "it is larger than 30 bytes",
    ),
    "too large, without a length": (
        answer(bytes(31), content_length=None),
        Kinds.IMAGE,
        "it is larger than 30 bytes",
    ),
    "too large, in chunks": (
        answer(b"1f\r\n" + bytes(31) + b"\r\n", content_length=None, transfer_encoding="chunked"),
        Kinds.IMAGE,
        "it is larger than 30 bytes",
    ),
    "shorter than its head says": (answer(PNG, content_length="9"), Kinds.IMAGE, NOTHING_THERE),
    "a head without an end": (answer(x=30_000 * "x"), Kinds.IMAGE, NOTHING_THERE),
    "a head of very many lines": (
        answer(PNG, **{f"x{number}": "x" for number in range(5000)}),
        Kinds.IMAGE,
        NOTHING_THERE,
    ),
    "no HTTP": (b"220 mail.test ESMTP\r\n", Kinds.IMAGE, NOTHING_THERE),
    "nothing": (b"", Kinds.IMAGE, NOTHING_THERE),
}


@pytest.mark.parametrize(("page", "kinds", "expected"), REFUSED_ANSWERS.values(), ids=REFUSED_ANSWERS)
async def test_a_client_is_told_what_is_wrong_with_an_answer(
    site: Site, page: bytes, kinds: Kinds, expected: str
) -> None:
    site.pages["/"] = page
    async with fetching(limits=Limits(content_bytes=30)) as media:
        assert await refusal(media, site.url("/"), kinds) == expected


async def test_as_much_as_is_allowed_is_fetched(site: Site) -> None:
    async with fetching(limits=Limits(content_bytes=len(PNG))) as media:
        assert await image(media, site.url("/a.png")) == A_PNG


async def test_what_is_too_large_is_not_read_to_its_end(site: Site) -> None:
    gone = asyncio.Event()

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"", content_length=None))
        try:
            while True:
                writer.write(bytes(65536))
                await writer.drain()
        finally:
            gone.set()

    site.pages["/"] = endless
    async with fetching() as media:
        assert await refusal(media, site.url("/")) == "it is larger than 20,000,000 bytes"
        async with asyncio.timeout(60):
            await gone.wait()


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"", content_length="8") + b"\x89")
    await reader.read()


async def trickling(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"", content_length=None))
    while True:
        writer.write(b"\x89")
        await writer.drain()
        await asyncio.sleep(0.001)  # its pace


async def hesitating(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.001)  # its pace


class NoAnswer(Names):
    async def look_up(self, host: str) -> list[str]:
        await asyncio.Event().wait()
        return [host]


@pytest.mark.parametrize(
    ("path", "host"),
    [
        pytest.param("/silent", OPEN, id="no head comes"),
        pytest.param("/stuck", OPEN, id="the body stops"),
        pytest.param("/trickling", OPEN, id="the body has no end"),
        pytest.param("/hesitating", OPEN, id="there is always another head"),
        pytest.param("/a.png", "slow.test", id="the name is not resolved"),
    ],
)
async def test_a_fetch_ends_in_time(site: Site, path: str, host: str) -> None:
    site.pages |= {"/silent": silent, "/stuck": stuck, "/trickling": trickling, "/hesitating": hesitating}
    async with fetching(limits=Limits(seconds=0.05), resolver=NoAnswer()) as media:
        reason = await refusal(media, site.url(path, host))
    assert reason == "no web server there gave a whole answer within 0.05 seconds"


# --- where it goes ----------------------------------------------------------------------------------------

NOT_WEB = "only http:// and https:// URLs are fetched"
WITH_USER = "a URL with a user name or a password in it is not followed"
REFUSED_URLS: dict[str, tuple[str, str]] = {
    "C20 a local path": ("/etc/hostname", NOT_WEB),
    "C20 a file": ("file:///etc/hostname", NOT_WEB),
    "a file on a host": ("file://localhost/etc/hostname", NOT_WEB),
    "a path of Windows": ("C:\\secret.png", NOT_WEB),
    "a relative path": ("a.png", NOT_WEB),
    "FTP": ("ftp://127.0.0.1/a.png", NOT_WEB),
    "a data URL": ("data:image/png;base64,iVBORw0KGgo=", NOT_WEB),
    "a WebSocket": ("ws://127.0.0.1/a.png", NOT_WEB),
    "a Unix socket": ("http+unix://%2Frun%2Fdocker.sock/info", NOT_WEB),
    "no scheme": ("//127.0.0.1/a.png", NOT_WEB),
    "no host": ("http:///a.png", NOT_WEB),
    "nothing": ("", NOT_WEB),
    "a user": ("http://me@127.0.0.1/a.png", WITH_USER),
    "a user and a password": ("http://me:secret@127.0.0.1/a.png", WITH_USER),
    "a password alone": ("http://:secret@127.0.0.1/a.png", WITH_USER),
    "a user in front of this machine": ("http://8.8.8.8@127.0.0.1/a.png", WITH_USER),
    "a host that is escaped as a user": ("http://127.0.0.1%2f@h/a.png", WITH_USER),
    "a user in front of a backslash": (
        "http://8.8.8.8\\@127.0.0.1/",
        r"'http://8.8.8.8\\@127.0.0.1/' is no valid URL",
    ),
    "one slash": ("http:/127.0.0.1/a.png", NOT_WEB),
    "backslashes": ("http:\\\\127.0.0.1\\a.png", NOT_WEB),
    "two ports": ("http://127.0.0.1:80:80/", "'http://127.0.0.1:80:80/' is no valid URL"),
    "a port that does not exist": ("http://h:70000/", "'http://h:70000/' is no valid URL"),
    "a port that just does not exist": ("http://h:65536/", "'http://h:65536/' is no valid URL"),
    "no port": ("http://h:0/", "port 0 is one of another protocol"),
    "SSH": ("http://h:22/", "port 22 is one of another protocol"),
    "mail, with TLS": ("https://h:25/", "port 25 is one of another protocol"),
    "a port in other digits": ("http://h:\u0662\u0662/", "port 22 is one of another protocol"),
    "a name of ten thousand letters": (f"http://{'a.' * 5000}test/a.png", NOTHING_THERE),
    "a label that is too long": (f"http://{'a' * 70}.test/a.png", NOTHING_THERE),
    "half a character": ("http://\ud800/", r"'http://\ud800/' is no valid URL"),
    "a name that nobody has": ("http://nowhere.test/a.png", NOTHING_THERE),
}


@pytest.mark.parametrize(("url", "expected"), REFUSED_URLS.values(), ids=REFUSED_URLS)
async def test_only_the_web_is_fetched_from(url: str, expected: str) -> None:
    async with fetching() as media:
        assert await refusal(media, url) == expected


@given(st.text() | st.text(alphabet="0127.:[]@%xf/\\ \n").map("http://{}".format))
@example("http://[")
@example("http://[]@")
@example("http://a\x00b/")
async def test_every_text_is_either_fetched_or_refused(text: str) -> None:
    async with fetching(allows=lambda _: False) as media:
        await refusal(media, text)


SPELLINGS = (
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "127.0.0.01",
    "0",
    "0.0.0.0",
    "%31%32%37.0.0.1",
    "１２７.０.０.１",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "anything.localhost",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "127.0.0.1.nip.test",
    "1\t27.0.\n0.1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:0:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[::1%25lo]",
    "[::1%lo]",
    "[fe80::1%25eth0]",
)


class AsTheSystemReads(Names):
    """Knows the names of this machine, and reads numbers as C's `inet_aton` does."""

    async def look_up(self, host: str) -> list[str]:
        is_here = host.rstrip(".").endswith(("localhost", ".nip.test")) or host[:1].isdigit()
        return [OPEN if is_here else host]


@pytest.mark.parametrize("host", SPELLINGS)
async def test_this_machine_is_not_reached_in_any_spelling(site: Site, host: str) -> None:
    """C19"""
    async with fetching(allows=is_elsewhere, resolver=AsTheSystemReads()) as media:
        assert await refusal(media, site.url("/a.png", host)) == NOTHING_THERE
    assert site.connections == 0


@pytest.mark.parametrize("address", ["127.1", "0x7f.1", "2130706433", "0177.0.0.1", "localhost"])
async def test_an_answer_that_only_the_system_takes_for_an_address_is_not_connected_to(
    site: Site, address: str
) -> None:
    async with fetching(allows=lambda _: True, resolver=Names(odd=[[address]])) as media:
        assert await refusal(media, site.url("/a.png", "odd.test")) == NOTHING_THERE
    assert site.connections == 0


METADATA = (
    "169.254.169.254",
    "2852039166",
    "metadata.test",
    "metadata.google.internal",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
)


class InACloud(Names):
    async def look_up(self, host: str) -> list[str]:  # noqa: ARG002  every name leads there
        return ["169.254.169.254"]


@pytest.mark.parametrize("host", METADATA)
async def test_metadata_of_a_cloud_is_not_reached(host: str) -> None:
    """C19. A connection that was tried would fail in another way: tests may not leave this machine."""
    async with fetching(allows=is_elsewhere, resolver=InACloud()) as media:
        assert await refusal(media, f"http://{host}/latest/meta-data/") == NOTHING_THERE


async def test_a_closed_port_and_a_forbidden_address_look_alike(site: Site, forbidden: Site) -> None:
    async with Site().listen() as closed:
        pass
    async with fetching() as media:
        nothing_listens = await refusal(media, closed.url("/a.png"))
        something_listens = await refusal(media, forbidden.url("/a.png", FORBIDDEN))
    assert nothing_listens == something_listens == NOTHING_THERE
    assert forbidden.connections == 0


async def test_the_forbidden_server_could_be_reached(forbidden: Site) -> None:
    """Without this, the tests that count its connections would show nothing."""
    async with fetching(allows=lambda _: True) as media:
        assert await image(media, forbidden.url("/a.png", FORBIDDEN)) == A_PNG


STATUSES = ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent")


@pytest.mark.parametrize("status", STATUSES)
async def test_redirects_are_followed(site: Site, status: str) -> None:
    site.pages["/old/"] = redirect("../a.png", status)
    async with fetching() as media:
        assert await image(media, site.url("/old/")) == A_PNG


@pytest.mark.parametrize("status", STATUSES)
async def test_redirects_do_not_lead_to_a_forbidden_address(site: Site, forbidden: Site, status: str) -> None:
    """C19"""
    site.pages["/"] = redirect("/next", status)
    site.pages["/next"] = redirect(forbidden.url("/a.png", FORBIDDEN), status)
    async with fetching() as media:
        assert await refusal(media, site.url("/")) == NOTHING_THERE
    assert (site.connections, forbidden.connections) == (2, 0)


REDIRECTS: dict[str, tuple[str, str, str]] = {
    "to a file": ("http://a.test/", "file:///etc/hostname", NOT_WEB),
    "to FTP": ("http://a.test/", "ftp://a.test/", NOT_WEB),
    "to data": ("http://a.test/", "data:image/png,a", NOT_WEB),
    "to a user": ("https://a.test/", "https://me:secret@b.test/", WITH_USER),
    "to another protocol's port": (
        "http://a.test/",
        "//b.test:6667/",
        "port 6667 is one of another protocol",
    ),
    "to no URL": ("http://a.test/", "http://[", "'http://\\[' is no valid URL"),
    "out of encryption": ("https://a.test/", "http://a.test/", "it redirects from https to http"),
}


@pytest.mark.parametrize(("url", "location", "expected"), REDIRECTS.values(), ids=REDIRECTS)
def test_redirects_that_are_not_followed(url: str, location: str, expected: str) -> None:
    with pytest.raises(_Unfetchable, match=f"^{expected}$"):
        _redirected(URL(url), location)


def test_a_redirect_into_encryption_is_followed() -> None:
    assert _redirected(URL("http://a.test/x"), "//b.test/y") == URL("http://b.test/y")
    assert _redirected(URL("http://a.test/x"), "https://a.test/x") == URL("https://a.test/x")


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        pytest.param("/3", A_PNG, id="three"),
        pytest.param("/4", None, id="four"),
        pytest.param("/loop", None, id="a loop"),
    ],
)
async def test_three_redirects_are_followed(site: Site, first: str, expected: Fetched | None) -> None:
    site.pages |= {f"/{n}": redirect(f"/{n - 1}") for n in (4, 3, 2)}
    site.pages |= {"/1": redirect("/a.png"), "/loop": redirect("/loop")}
    async with fetching() as media:
        if expected is not None:
            assert await image(media, site.url(first)) == expected
        else:
            assert await refusal(media, site.url(first)) == "it redirects more than 3 times"
    assert len(site.requests) == 4


async def test_a_name_that_leads_elsewhere_when_it_is_asked_again(site: Site) -> None:
    site.pages["/"] = redirect("/a.png")
    names = Names(rebound=[[OPEN], [FORBIDDEN]])
    async with (
        Site({"/a.png": answer()}).listen(FORBIDDEN, site.port) as forbidden,
        fetching(resolver=names) as media,
    ):
        assert await refusal(media, site.url("/", "rebound.test")) == NOTHING_THERE
        assert (site.connections, forbidden.connections) == (1, 0)


MIXED: Mapping[str, list[str]] = {
    "forbidden first": [FORBIDDEN, OPEN],
    "forbidden last": [OPEN, FORBIDDEN],
    "forbidden around": [FORBIDDEN, OPEN, FORBIDDEN],
}


@pytest.mark.parametrize("addresses", MIXED.values(), ids=MIXED)
async def test_of_several_addresses_only_the_allowed_are_connected_to(
    site: Site, addresses: list[str]
) -> None:
    async with (
        Site({"/a.png": answer()}).listen(FORBIDDEN, site.port) as forbidden,
        fetching(resolver=Names(mixed=[addresses])) as media,
    ):
        assert await image(media, site.url("/a.png", "mixed.test")) == A_PNG
        assert (site.connections, forbidden.connections) == (1, 0)


async def test_a_name_with_very_many_addresses_is_soon_given_up() -> None:
    seen: list[IPAddress] = []

    def refuse(address: IPAddress) -> bool:
        seen.append(address)
        return False

    many = [str(IPv4Address("10.0.0.0") + n) for n in range(1000)]
    async with fetching(allows=refuse, resolver=Names(many=[many])) as media:
        assert await refusal(media, "http://many.test/") == NOTHING_THERE
    assert len(seen) <= 40


# --- sharing ----------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_what_was_fetched_is_kept_for_a_while(site: Site) -> None:
    clock = Clock()
    async with fetching(clock=clock) as media:
        assert await image(media, site.url("/a.png")) == A_PNG
        clock.now = 599.9
        assert await image(media, site.url("/a.png")) == A_PNG
        assert len(site.requests) == 1
        clock.now = 600.0
        assert await image(media, site.url("/a.png")) == A_PNG
        assert len(site.requests) == 2


async def test_a_failure_is_not_kept(site: Site) -> None:
    site.pages["/"] = answer(b"", "503 Busy")
    async with fetching() as media:
        assert await refusal(media, site.url("/")) == "the web server answered with status 503"
        site.pages["/"] = answer()
        assert await image(media, site.url("/")) == A_PNG


async def test_a_file_that_was_fetched_does_not_pass_for_an_image(site: Site) -> None:
    site.pages["/"] = answer(b"a", content_type="text/plain")
    async with fetching() as media:
        await media.fetch(site.url("/"), param=PARAM, kinds=Kinds.ANY_FILE)
        assert "'text/plain', which is not an image" in await refusal(media, site.url("/"))


async def test_the_least_recently_used_makes_room(site: Site) -> None:
    site.pages |= {f"/{name}": answer(bytes(2000)) for name in "abc"}
    async with fetching(limits=Limits(cached_bytes=7000)) as media:
        for name in "abaca":
            await image(media, site.url(f"/{name}"))
        assert [head.split()[1] for head in site.requests] == ["/a", "/b", "/c"]
        await image(media, site.url("/b"))
        assert [head.split()[1] for head in site.requests] == ["/a", "/b", "/c", "/b"]


async def test_what_is_larger_than_the_cache_is_fetched_and_not_kept(site: Site) -> None:
    async with fetching(limits=Limits(cached_bytes=1024)) as media:
        assert [await image(media, site.url("/a.png")) for _ in range(2)] == [A_PNG, A_PNG]
    assert len(site.requests) == 2


class Held:
    """A page that does not come before it is released."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.abandoned = asyncio.Event()
        self._released = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.set()
        released = asyncio.get_running_loop().create_task(self._released.wait())
        gone = asyncio.get_running_loop().create_task(reader.read())
        await asyncio.wait((released, gone), return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            self.abandoned.set()
        else:
            gone.cancel()
            writer.write(answer())
        released.cancel()

    def release(self) -> None:
        self._released.set()


@asynccontextmanager
async def two_waiting(
    site: Site, held: Held, media: WebMedia
) -> AsyncGenerator[tuple[asyncio.Task[Fetched], asyncio.Task[Fetched]]]:
    """Two fetches of one URL, both under way."""
    site.pages["/"] = held
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        first, second = (group.create_task(image(media, site.url("/"))) for _ in range(2))
        await held.asked.wait()
        yield first, second


async def test_requests_for_one_url_share_a_fetch(site: Site) -> None:
    held = Held()
    async with fetching() as media, two_waiting(site, held, media) as (first, second):
        held.release()
        assert (await first, await second) == (A_PNG, A_PNG)
    assert len(site.requests) == 1


async def test_one_that_goes_takes_nothing_from_the_other(site: Site) -> None:
    held = Held()
    async with fetching() as media, two_waiting(site, held, media) as (first, second):
        first.cancel()
        await asyncio.wait((first,))
        held.release()
        assert await second == A_PNG
        assert await image(media, site.url("/")) == A_PNG
    assert (len(site.requests), held.abandoned.is_set()) == (1, False)


async def test_a_fetch_is_given_up_when_all_have_gone(site: Site) -> None:
    held = Held()
    async with fetching() as media:
        async with two_waiting(site, held, media) as waiting:
            for task in waiting:
                task.cancel()
            await held.abandoned.wait()
        site.pages["/"] = answer()
        assert await image(media, site.url("/")) == A_PNG


async def test_each_of_those_that_shared_a_failure_is_told_its_own_parameter(site: Site) -> None:
    site.pages["/"] = answer(b"", "404 Not Found")
    async with fetching() as media:
        failures = await asyncio.gather(
            *(media.fetch(site.url("/"), param=param, kinds=Kinds.IMAGE) for param in ("a", "b")),
            return_exceptions=True,
        )
    assert [failure.param for failure in failures if isinstance(failure, InvalidRequest)] == ["a", "b"]
    assert len(site.requests) == 1


async def test_no_more_are_fetched_at_once_than_is_allowed(site: Site) -> None:
    held = Held()
    site.pages |= {"/held": held, "/b.png": answer(), "/later.png": answer()}
    async with (
        fetching(limits=Limits(at_once=1)) as media,
        fetching() as unhindered,
        asyncio.timeout(60),
        asyncio.TaskGroup() as group,
    ):
        group.create_task(image(media, site.url("/held")))
        await held.asked.wait()
        group.create_task(image(media, site.url("/later.png")))
        for path in ("/a.png", "/b.png"):
            await image(unhindered, site.url(path))
        held.release()
    assert [head.split()[1] for head in site.requests] == ["/held", "/a.png", "/b.png", "/later.png"]


async def test_closing_ends_what_is_under_way(site: Site) -> None:
    held = Held()
    site.pages["/"] = held
    async with fetching() as media, asyncio.timeout(60):
        waiting = asyncio.get_running_loop().create_task(image(media, site.url("/")))
        await held.asked.wait()
        await media.aclose()
        await held.abandoned.wait()
        await asyncio.wait((waiting,))
        assert waiting.cancelled()
