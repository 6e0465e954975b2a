from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antigravity_addon.upstream import addresses
from antigravity_addon.upstream.addresses import IPAddress, _source_towards, is_elsewhere, is_public

ADDRESSES: dict[str, tuple[bool, tuple[str, ...]]] = {
    "public": (
        True,
        ("8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "223.255.255.255"),
    ),
    "public, IPv6": (True, ("2606:4700:4700::1111", "2a00:1450:4001:82a::200e", "2001:4860:4860::8888")),
    "public, mapped to IPv6": (True, ("::ffff:8.8.8.8", "::ffff:808:808")),
    "public, behind NAT64": (True, ("64:ff9b::8.8.8.8",)),
    "unspecified, and this network": (False, ("0.0.0.0", "0.0.0.1", "0.255.255.255", "::")),
    "loopback": (False, ("127.0.0.1", "127.255.255.254", "::1")),
    "private": (
        False,
        ("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "fc00::1", "fd12:3456::1"),
    ),
    "between carriers and customers": (False, ("100.64.0.1", "100.127.255.255")),
    "link-local": (False, ("169.254.0.1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1")),
    "with a zone, whatever it is": (False, ("2606:4700:4700::1111%eth0", "::ffff:8.8.8.8%1")),
    "metadata of clouds": (
        False,
        (
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
        ),
    ),
    "multicast and broadcast": (
        False,
        ("224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1", "ff0e::1"),
    ),
    "reserved, tests and examples": (
        False,
        (
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "240.0.0.1",
            "100::1",
            "2001:db8::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
        ),
    ),
    "loopback inside IPv6": (
        False,
        (
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1:7f00:0:100::",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
        ),
    ),
    "metadata inside IPv6": (False, ("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::")),
    "tunnels, even to public addresses": (
        False,
        (
            "2002:808:808::1",
            "2001:0:808:808::f7f7:f7f7",
            "64:ff9b:1::8.8.8.8",
            "192.88.99.1",
            "2606:4700::5efe:8.8.8.8",
            "2606:4700::200:5efe:127.0.0.1",
        ),
    ),
}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param(address, expected, id=f"{name}: {address}")
        for name, (expected, several) in ADDRESSES.items()
        for address in several
    ],
)
def test_only_public_addresses_are_connected_to(address: str, *, expected: bool) -> None:
    assert is_public(ip_address(address)) is expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("127.0.0.1", False, id="this machine"),
        pytest.param("127.0.0.2", False, id="this machine, by another of its addresses"),
        pytest.param("::ffff:127.0.0.1", False, id="this machine, mapped to IPv6"),
        pytest.param("::1", False, id="this machine, IPv6"),
        pytest.param("203.0.113.1", True, id="another machine"),
        pytest.param("::ffff:203.0.113.1", True, id="another machine, mapped to IPv6"),
        pytest.param("2001:db8:1:2::3", False, id="a machine of this link"),
        pytest.param("2001:db8:1:3::3", True, id="a machine of another link"),
    ],
)
def test_public_as_it_may_be_what_is_near_is_not_elsewhere(
    monkeypatch: pytest.MonkeyPatch, address: str, *, expected: bool
) -> None:
    """The addresses are for examples: no machine has one."""

    def is_public(_: IPAddress) -> bool:
        return True

    monkeypatch.setattr(addresses, "is_public", is_public)

    def source_towards(_: IPv6Address) -> str:
        return "2001:db8:1:2:a:b:c:d"

    monkeypatch.setattr(addresses, "_source_towards", source_towards)
    assert is_elsewhere(ip_address(address)) is expected


def test_a_machine_knows_what_it_calls_itself() -> None:
    assert _source_towards(IPv6Address("::1")) == "::1"


@given(st.ip_addresses())
def test_what_is_public_here_is_so_in_the_standard_library(address: IPAddress) -> None:
    assert not is_public(address) or (address.is_global and not address.is_multicast)


@given(st.ip_addresses(v=4))
def test_an_address_is_as_public_inside_ipv6_as_it_is_alone(address: IPv4Address) -> None:
    inside = (IPv6Address(f"::ffff:{address}"), IPv6Address(f"64:ff9b::{address}"))
    assert [is_public(each) for each in inside] == [is_public(address)] * 2


@given(
    st.sampled_from(["2001::/32", "2002::/16", "64:ff9b:1::/48", "::/96", "fc00::/7", "fe80::/10"]), st.data()
)
def test_no_address_of_a_local_or_tunnelled_network_is_public(network: str, data: st.DataObject) -> None:
    assert not is_public(data.draw(st.ip_addresses(network=IPv6Network(network))))
