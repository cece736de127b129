"""What a caller's address tells of who they are."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_network


@lru_cache(maxsize=1024)
def network_of(address: str | None) -> str:
    """What a caller cannot vary for free: an IPv4 address, the first half of an IPv6 address."""
    if address is None:
        return "unknown"
    return address if "." in address else str(ip_network((address, 64), strict=False).network_address)
