"""The network of a caller's address."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_network


@lru_cache(maxsize=1024)
def network_of(address: str | None) -> str:
    """The part of an address that a caller cannot vary for free: all of IPv4, the first 64 bits of IPv6."""
    if address is None:
        return "unknown"
    return address if "." in address else str(ip_network((address, 64), strict=False).network_address)
