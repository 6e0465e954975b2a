"""A request's head, as mitmproxy has it and as the gateway is given it."""

from ipaddress import ip_network

import pytest
from mitmproxy import http

from antigravity_addon.gateway.doors import Came, Doors
from antigravity_addon.mitm.answer import head_of

BEHIND_A_PROXY = Doors(proxies=(ip_network("10.0.0.2"),))


def asked(*fields: tuple[str, str], authority: str = "") -> http.Request:
    request = http.Request.make("GET", "http://upstream.test/v1/models")
    request.headers = http.Headers([(name.encode(), value.encode()) for name, value in fields])
    request.authority = authority
    return request


SAID: dict[str, tuple[list[str], str]] = {
    "in one line": (["1.2.3.4, 5.6.7.8"], "5.6.7.8"),
    "in a line of the proxy's own": (["1.2.3.4", "5.6.7.8"], "5.6.7.8"),
    # a client knows its own address, and says it in front of another one
    "by a client that foresees the proxy's line": (["5.6.7.8", "1.2.3.4", "5.6.7.8"], "5.6.7.8"),
}


@pytest.mark.parametrize("name", ["x-forwarded-for", "X-Forwarded-For"])
@pytest.mark.parametrize("case", SAID)
def test_the_last_word_on_who_the_client_is_is_the_proxys(case: str, name: str) -> None:
    lines, address = SAID[case]
    head = head_of(asked(*((name, line) for line in lines)))
    assert BEHIND_A_PROXY.client_address(head.headers, Came("10.0.0.2")) == address


@pytest.mark.parametrize(
    ("hosts", "authority", "host"),
    [
        (["localhost"], "", "localhost"),
        (["localhost"], "localhost", "localhost"),
        (["localhost"], "LOCALHOST", "localhost"),
        ([], "localhost:8045", "localhost:8045"),
        (["localhost"], "evil.test", "localhost, evil.test"),
    ],
)
def test_a_name_that_is_said_twice_is_one(hosts: list[str], authority: str, host: str) -> None:
    assert head_of(asked(*(("Host", each) for each in hosts), authority=authority)).headers["host"] == host


def test_http_2_has_no_way_to_say_nothing_of_whom_it_calls() -> None:
    request = asked()
    assert "host" not in head_of(request).headers
    request.http_version = "HTTP/2.0"
    assert head_of(request).headers["host"] == ""
    request.headers["host"] = "localhost"
    assert head_of(request).headers["host"] == "localhost"
