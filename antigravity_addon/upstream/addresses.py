"""Which addresses clients may have the gateway connect to: public ones, and none of this machine or its link."""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

type IPAddress = IPv4Address | IPv6Address

# IANA's registries of special-purpose addresses, and what clouds add to them
_SPECIAL_IPV4 = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),  # between carriers and customers; metadata of Alibaba
    IPv4Network("127.0.0.0/8"),
    IPv4Network("168.63.129.16/32"),  # metadata and DNS of Azure, at an address that looks public
    IPv4Network("169.254.0.0/16"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.0.0.0/24"),  # metadata of Oracle among others
    IPv4Network("192.0.2.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("198.18.0.0/15"),
    IPv4Network("198.51.100.0/24"),
    IPv4Network("203.0.113.0/24"),
    IPv4Network("224.0.0.0/4"),
    IPv4Network("240.0.0.0/4"),
)
_GLOBAL_IPV6 = IPv6Network("2000::/3")
_SPECIAL_IPV6 = (
    IPv6Network("2001::/23"),  # Teredo, 2001::/32, among others
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("3fff::/20"),
)
_NAT64 = IPv6Network("64:ff9b::/96")
"""The way to IPv4 for networks without it. 64:ff9b:1::/48 is not here: what it leads to is a local matter."""
_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")
"""In front of the IPv4 address that is the end of such an IPv6 one, whatever the network."""
_LINK_BITS = 64
"""Of an IPv6 address: the rest is a machine's own, and all of one link share these."""


def is_public(address: IPAddress) -> bool:
    """A unicast address that is the same machine wherever one asks from.

    An IPv4 address inside an IPv6 one counts as itself, if mapped or behind NAT64. 6to4, Teredo and ISATAP are refused
    whatever they hold: no web server is left there, and a tunnel may end in the local network.
    """
    match address:
        case IPv4Address():
            return not any(address in network for network in _SPECIAL_IPV4)
        case IPv6Address(scope_id=str()):
            return False
        case IPv6Address(ipv4_mapped=IPv4Address() as inner):
            return is_public(inner)
        case IPv6Address() if address in _NAT64:
            return is_public(IPv4Address(address.packed[-4:]))
        case IPv6Address() if address.packed[8:12] in _ISATAP:
            return False
        case IPv6Address():
            return address in _GLOBAL_IPV6 and not any(address in network for network in _SPECIAL_IPV6)


def is_elsewhere(address: IPAddress) -> bool:
    """A public address, and not one of this machine or its link: public as those may be, what listens there is behind
    the same firewall. How far an IPv4 link goes, nothing tells.
    """
    return is_public(address) and not _is_own(address) and not _is_on_link(address)


def _is_own(address: IPAddress) -> bool:
    """Every address of this machine can be bound to, and no other one, unless the system was told otherwise
    (`ip_nonlocal_bind`): then nothing counts as elsewhere."""
    with _unused_socket(address) as unused:
        try:
            unused.bind((str(address), 0))
        except OSError:
            return False
    return True


def _is_on_link(address: IPAddress) -> bool:
    match address:
        case IPv4Address() | IPv6Address(ipv4_mapped=IPv4Address()):
            return False
        case IPv6Address():
            return address in ip_network((_source_towards(address), _LINK_BITS), strict=False)


def _source_towards(address: IPv6Address) -> str:
    """What this machine would call itself there; the unspecified address if no way leads there. Sends nothing."""
    with _unused_socket(address) as unused:
        try:
            unused.connect((str(address), 443))
        except OSError:
            return "::"
        source: str = unused.getsockname()[0]
    return source.partition("%")[0]


def _unused_socket(address: IPAddress) -> socket.socket:
    return socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
