"""Addresses that no connection can be made to."""

import pytest

from antigravity_addon.errors import UpstreamUnreachable
from antigravity_addon.upstream.endpoint import UpstreamRequest
from antigravity_addon.upstream.transport import Transport

NOWHERE: dict[str, str] = {
    "an empty label": "https://a..b/",
    "a label that is too long": f"https://{'a' * 64}.example/",
    "Punycode that is none": "https://xn--zzzzzz.example/",
    "an IP address of the future": "https://[v1.x]/",
    "a bracket too few": "https://[::1/",
    "nobody listens": "http://127.0.0.1:1/",
}


@pytest.mark.parametrize("url", NOWHERE.values(), ids=NOWHERE)
async def test_an_address_that_leads_nowhere_is_an_upstream_that_is_not_reached(url: str) -> None:
    transport = Transport()
    with pytest.raises(UpstreamUnreachable):
        async with transport.open(UpstreamRequest(url, {}, b"")):
            pass
    await transport.aclose()
