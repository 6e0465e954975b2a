"""A request's head in, a decision out."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from antigravity_addon.errors import GatewayError, HostRefused, OriginRefused, TlsRequired
from antigravity_addon.gateway.doors import NOWHERE, AllowedHost, AllowedOrigin, Came, Doors

HERE = Doors()
LAN = Doors(lan=True)
NAMED = Doors(
    hosts=tuple(map(AllowedHost.parse, ("Gateway.Example.com", "*.ts.net", "host.docker.internal")))
)


def refusal(
    doors: Doors, headers: dict[str, str], *, method: str = "POST", came: Came = NOWHERE
) -> type[GatewayError] | None:
    try:
        doors.check(method, headers, came)
    except GatewayError as error:
        return type(error)
    return None


# --- names -------------------------------------------------------------------------------------------------

HOSTS: dict[str, tuple[bool, bool]] = {
    # (without, with) gateway_allow_lan_access
    "localhost": (True, True),
    "LOCALHOST:8045": (True, True),
    "localhost.:8045": (True, True),
    "app.localhost": (True, True),
    "127.0.0.1:8045": (True, True),
    "127.9.8.7": (True, True),
    "[::1]:8045": (True, True),
    "[::ffff:127.0.0.1]": (True, True),
    "192.168.1.7:8045": (False, True),
    "[2001:db8::1]:8045": (False, True),
    "0.0.0.0:8045": (False, True),
    "nas:8045": (False, True),
    "nas.local:8045": (False, True),
    "gateway.home.arpa": (False, True),
    "host.docker.internal:8045": (False, True),
    "evil.example": (False, False),
    "evil.example:8045": (False, False),
    "localhost.evil.example": (False, False),
    "notlocalhost.example": (False, False),
    "127.0.0.1.evil.example:8045": (False, False),
    "generativelanguage.googleapis.com": (False, False),
    "local.example": (False, False),
    "mitm.it": (False, False),
    "127.0.0.1:8045, evil.example": (False, False),
    "user@localhost": (False, False),
    "localhost:8045:1": (False, False),
    "localhost:port": (False, False),
    "[::1": (False, False),
    "[fe80::1%eth0]": (False, False),
    "127.0.0.1%.evil.example": (False, False),
    "127.0.0.1%25.evil.example:8045": (False, False),
    "lo calhost": (False, False),
    "": (False, False),
}


@pytest.mark.parametrize(("host", "is_ours"), HOSTS.items())
def test_a_name_that_a_page_can_have_leads_nowhere(host: str, is_ours: tuple[bool, bool]) -> None:
    answers = tuple(refusal(doors, {"host": host}) is not HostRefused for doors in (HERE, LAN))
    assert answers == is_ours


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("gateway.example.com:443", True),
        ("GATEWAY.EXAMPLE.COM.", True),
        ("box.ts.net", True),
        ("a.box.ts.net", True),
        ("host.docker.internal:8045", True),
        ("localhost", True),
        ("ts.net", False),
        ("evilts.net", False),
        ("other.example.com", False),
        ("x.gateway.example.com", False),
    ],
)
def test_operators_add_names(host: str, *, is_ours: bool) -> None:
    assert (refusal(NAMED, {"host": host}) is None) is is_ours


def test_a_name_is_told_what_to_do() -> None:
    with pytest.raises(HostRefused, match=r"'evil\.example'.* gateway_allowed_hosts") as refused:
        HERE.check("GET", {"host": "evil.example"}, NOWHERE)
    assert (refused.value.status, refused.value.code) == (421, "host_refused")
    with pytest.raises(HostRefused) as refused:
        HERE.check("GET", {"host": "x" * 10_000}, NOWHERE)
    assert len(refused.value.message) < 400


@pytest.mark.parametrize("text", ["http://x.test", "x.test:80", "*.*", "a b", "", "x/y", "*x.test"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no name of a host"):
        AllowedHost.parse(text)


# --- pages -------------------------------------------------------------------------------------------------

PAGE = {"host": "localhost:8045"}
FORM = "application/x-www-form-urlencoded"
PAGES: dict[str, tuple[str, dict[str, str], bool]] = {
    "an SDK": ("POST", {"content-type": "application/json"}, True),
    "curl -d": ("POST", {"content-type": FORM}, True),
    "curl without a type": ("POST", {}, True),
    "an agent that says where it is from": ("POST", {"http-referer": "https://cline.bot"}, True),
    "an agent with a referer": (
        "POST",
        {"referer": "https://x.test/", "content-type": "application/json"},
        True,
    ),
    "a browser's address bar": ("GET", {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, True),
    "an extension with a permission for us": ("GET", {"sec-fetch-site": "none"}, True),
    "its own icon": ("GET", {"sec-fetch-site": "same-origin"}, True),
    "the same in capitals": ("GET", {"sec-fetch-site": "Same-Origin"}, True),
    "the origin that may": ("POST", {"origin": "https://app.test", "sec-fetch-site": "cross-site"}, True),
    "its preflight": ("OPTIONS", {"origin": "https://app.test"}, True),
    "another origin": ("POST", {"origin": "https://x.test"}, False),
    "another one's preflight": ("OPTIONS", {"origin": "https://x.test"}, False),
    "the same host over http": ("POST", {"origin": "http://app.test"}, False),
    "another port": ("POST", {"origin": "https://app.test:8443"}, False),
    "a longer name": ("POST", {"origin": "https://app.test.x.test"}, False),
    "two": ("POST", {"origin": "https://app.test, https://x.test"}, False),
    "this machine's, which is a page as any": ("POST", {"origin": "http://localhost:3000"}, False),
    "our own, though we have no pages": ("POST", {"origin": "http://localhost:8045"}, False),
    "a page that hides": ("POST", {"origin": "null"}, False),
    "an empty one": ("POST", {"origin": ""}, False),
    "a form in a sandbox": ("POST", {"origin": "null", "content-type": "text/plain"}, False),
    "a form": ("POST", {"origin": "https://x.test", "content-type": FORM}, False),
    "a form of an old browser": ("POST", {"referer": "https://x.test/", "content-type": FORM}, False),
    "the same without a type": ("POST", {"referer": "https://x.test/"}, False),
    "an image": ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-dest": "image"}, False),
    "a link": ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, False),
    "a neighbour": ("GET", {"sec-fetch-site": "same-site"}, False),
    "a word that no browser says": ("GET", {"sec-fetch-site": "none, cross-site"}, False),
}


@pytest.mark.parametrize(("method", "headers", "may"), PAGES.values(), ids=PAGES)
@pytest.mark.parametrize("doors", [HERE, LAN], ids=["here", "LAN"])
def test_no_page_may_call_that_was_not_allowed(
    doors: Doors, method: str, headers: dict[str, str], *, may: bool
) -> None:
    doors = replace(doors, origins=(AllowedOrigin.parse("https://app.test"),))
    assert refusal(doors, PAGE | headers, method=method) is (None if may else OriginRefused)


ORIGINS: dict[str, dict[str, bool]] = {
    "http://localhost:3000": {
        "http://localhost:3000": True,
        "HTTP://LOCALHOST:3000": True,
        "http://localhost": False,
        "http://localhost:30000": False,
        "https://localhost:3000": False,
    },
    "http://localhost:*": {
        "http://localhost": True,
        "http://localhost:5173": True,
        "http://localhost:x": False,
        "http://localhost.x.test": False,
    },
    "https://app.test:443": {"https://app.test": True, "https://app.test:443": False},
    "https://app.test/": {"https://app.test": True, "https://appxtest": False},
    "https://*.app.test": {
        "https://a.app.test": True,
        "https://a.b.app.test": True,
        "https://app.test": False,
        "https://xapp.test": False,
        "https://x.test/.app.test": False,
    },
    "app://obsidian.md": {"app://obsidian.md": True, "app://other": False},
    "chrome-extension://*": {"chrome-extension://abcdefgh": True, "https://abcdefgh": False},
    "vscode-webview://*": {"vscode-webview://0k1": True, "vscode-webview://": False},
    "tauri://localhost": {"tauri://localhost": True},
    "file://": {"file://": True, "file://x": False},
    "http://[::1]:8080": {"http://[::1]:8080": True},
    "null": {"null": True, "https://x.test": False},
    "*": {"null": True, "https://x.test": True},
}


@pytest.mark.parametrize(("pattern", "origins"), ORIGINS.items())
def test_an_origin_is_allowed_as_it_is_written(pattern: str, origins: dict[str, bool]) -> None:
    doors = Doors(origins=(AllowedOrigin.parse(pattern),))
    assert {origin: doors.allows_origin(origin) for origin in origins} == origins
    assert not doors.allows_origin(None)


@pytest.mark.parametrize(
    "text", ["", "localhost:3000", "https://a/b", "https://*:80:1", "*://x.test", "https://a*b"]
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no origin: give it as browsers write it"):
        AllowedOrigin.parse(text)


@pytest.mark.parametrize(
    ("text", "is_any"),
    [
        ("*", True),
        ("null", True),
        ("https://*", True),
        ("http://*:*", True),
        ("https://*.app.test", False),
        ("chrome-extension://*", False),
        ("http://localhost:*", False),
    ],
)
def test_it_is_known_which_origins_anybody_can_have(text: str, *, is_any: bool) -> None:
    assert AllowedOrigin.parse(text).is_any is is_any


def test_a_page_is_told_what_its_operator_can_do() -> None:
    with pytest.raises(OriginRefused, match=r"'https://x\.test'.* gateway_allowed_origins") as refused:
        HERE.check("POST", {"origin": "https://x.test"}, NOWHERE)
    assert (refused.value.status, refused.value.code) == (403, "origin_refused")


# --- addresses ---------------------------------------------------------------------------------------------

PROXIED = Doors(proxies=(ip_network("10.0.0.0/24"), ip_network("127.0.0.1")))
ADDRESSES: dict[str, tuple[str, dict[str, str], str]] = {
    "nobody's word": ("192.168.1.7", {}, "192.168.1.7"),
    "a stranger's word": ("192.168.1.7", {"x-forwarded-for": "1.2.3.4"}, "192.168.1.7"),
    "a proxy that says nothing": ("10.0.0.2", {}, "10.0.0.2"),
    "a proxy's word": ("10.0.0.2", {"x-forwarded-for": "1.2.3.4"}, "1.2.3.4"),
    "what its client said before": ("10.0.0.2", {"x-forwarded-for": "8.8.8.8, 1.2.3.4"}, "1.2.3.4"),
    "two proxies": ("127.0.0.1", {"x-forwarded-for": "8.8.8.8, 1.2.3.4, 10.0.0.2"}, "1.2.3.4"),
    "proxies all the way": ("127.0.0.1", {"x-forwarded-for": "10.0.0.3, 10.0.0.2"}, "10.0.0.3"),
    "more proxies than there can be": (
        "127.0.0.1",
        {"x-forwarded-for": "1.2.3.4" + ", 10.0.0.3" * 30},
        "10.0.0.3",
    ),
    "no address": ("10.0.0.2", {"x-forwarded-for": "1.2.3.4, unknown"}, "10.0.0.2"),
    "an empty one": ("10.0.0.2", {"x-forwarded-for": ""}, "10.0.0.2"),
    "with a port": ("10.0.0.2", {"x-forwarded-for": "1.2.3.4:5678"}, "1.2.3.4"),
    "IPv6": ("10.0.0.2", {"x-forwarded-for": "2001:db8::1"}, "2001:db8::1"),
    "IPv6 with a port": ("10.0.0.2", {"x-forwarded-for": "[2001:db8::1]:5678"}, "2001:db8::1"),
    "Forwarded": ("10.0.0.2", {"forwarded": 'for=8.8.8.8, For="[2001:db8::1]:1";proto=https'}, "2001:db8::1"),
    "Forwarded that hides": ("10.0.0.2", {"forwarded": "for=_secret"}, "10.0.0.2"),
    "Forwarded without it": ("10.0.0.2", {"forwarded": "proto=https"}, "10.0.0.2"),
    "both alike": ("10.0.0.2", {"forwarded": "for=1.2.3.4", "x-forwarded-for": "1.2.3.4"}, "1.2.3.4"),
    "one of them its client's": (
        "10.0.0.2",
        {"forwarded": "for=9.9.9.9", "x-forwarded-for": "1.2.3.4"},
        "10.0.0.2",
    ),
    "mapped": ("::ffff:10.0.0.2", {"x-forwarded-for": "::ffff:1.2.3.4"}, "1.2.3.4"),
    "no connection": ("", {"x-forwarded-for": "1.2.3.4"}, ""),
}


@pytest.mark.parametrize(("peer", "headers", "address"), ADDRESSES.values(), ids=ADDRESSES)
def test_only_a_trusted_proxy_says_who_the_client_is(
    peer: str, headers: dict[str, str], address: str
) -> None:
    assert PROXIED.client_address(headers, Came(peer)) == address


@pytest.mark.parametrize(
    ("doors", "peer", "may"),
    [
        (HERE, "127.0.0.1", True),
        (HERE, "::1", True),
        (HERE, "192.168.1.7", False),
        (HERE, "fe80::1%eth0", False),
        (LAN, "192.168.1.7", True),
        (PROXIED, "10.0.0.9", True),
        (PROXIED, "::ffff:10.0.0.9", True),
        (PROXIED, "10.0.1.9", False),
    ],
)
def test_other_machines_may_not_connect_unless_they_are_let(doors: Doors, peer: str, *, may: bool) -> None:
    assert doors.may_connect(peer) is may


@pytest.mark.parametrize(
    ("came", "refused"),
    [
        (Came("192.168.1.7"), TlsRequired),
        (Came("192.168.1.7", is_tls=True), None),
        (Came("127.0.0.1"), None),
        (Came("10.0.0.2"), None),
    ],
)
def test_other_machines_need_tls_where_it_is_required(came: Came, refused: type[GatewayError] | None) -> None:
    doors = replace(PROXIED, lan=True, requires_tls=True)
    assert refusal(doors, {}, came=came) is refused
    assert refusal(replace(doors, requires_tls=False), {}, came=came) is None
