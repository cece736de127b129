"""Which addresses Parley may connect to for a user: public ones, and those of networks that the operator allows."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NEVER = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
        ),
    )
)
"""What the special-purpose registry of IPv4 (RFC 6890) and multicast take: not public."""
_PUBLIC6 = ipaddress.IPv6Network("2000::/3")
_NEVER6 = tuple(
    map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"))
)
"""What of the public range of IPv6 is set aside, also for the tunnels 6to4 and Teredo, which lead anywhere.

Whatever lies outside the range is not public either.
"""


class Reach:
    """The addresses that may be connected to."""

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        """`allowed` are networks besides the public one."""
        self._allowed = tuple(allowed)
        self.is_extended = bool(self._allowed)
        """Whether it contains more than public addresses."""

    def contains(self, text: str) -> bool:
        """Whether an address, as the resolver or the system writes it, may be connected to."""
        try:
            given = ipaddress.ip_address(text)
        except ValueError:
            return False
        if isinstance(given, ipaddress.IPv6Address) and given.scope_id is not None:
            return False
        address = _meant(given)
        return self._allows(address) or _is_public(address)

    def _allows(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._allowed)


def _meant(address: Address) -> Address:
    """The address that a packet to an address arrives at: itself, or the IPv4 address that it contains."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _NEVER)
    return address in _PUBLIC6 and not any(address in network for network in _NEVER6)


def is_address(host: str) -> bool:
    """Whether a host is an address, in whichever form the system understands, such as `127.1` or `0x7f000001`."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        try:
            socket.inet_aton(host)
        except OSError:
            return False
    return True
