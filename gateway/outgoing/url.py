"""The URLs that users choose, as far as they can be judged without asking a name server."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from gateway.outgoing.address import Reach, is_address

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_LOCAL = ("localhost", "local", "internal", "localdomain", "home.arpa", "lan", "intranet")
"""Names of this machine and of private networks."""


class NotAllowed(Exception):
    """An address must not be connected to. The message is for the user."""


def check(url: str, reach: Reach) -> None:
    """Raise `NotAllowed` if a URL cannot be used, or its host is an address or a name that is not public.

    A name may still belong to an address that is not public, which shows when it is connected to.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise NotAllowed("This is not a URL.") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise NotAllowed("This is not a URL of https.")
    if parts.username is not None or parts.password is not None:
        raise NotAllowed("A URL must not contain credentials.")
    if "%" in host or not host.isascii():
        raise NotAllowed("Write the host in ASCII, without % and zone.")
    if "[" in parts.netloc and not is_address(host):
        raise NotAllowed("Only an address of IPv6 stands in brackets.")
    if host.endswith("."):
        raise NotAllowed("Write the host without a dot at its end.")
    is_local = _is_local(host, reach)
    if parts.scheme == "http" and not is_local:
        raise NotAllowed("Only an address of the same machine may begin with http://.")


def _is_local(host: str, reach: Reach) -> bool:
    """Whether a host is this machine. Raises `NotAllowed` if it is an address or a name that may not be used."""
    if is_address(host):
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            raise NotAllowed("Write the address in its usual form, such as 203.0.113.7.") from None
        if not reach.contains(host):
            raise NotAllowed(_private(host))
        return address.is_loopback
    if not _HOST.fullmatch(host) or host.rpartition(".")[2].isdigit() or len(host) > 253:
        raise NotAllowed("This is not the name of a host.")
    if host == "localhost":
        if not reach.contains("127.0.0.1"):
            raise NotAllowed(_private(host))
        return True
    # The operator's networks may have local names: their addresses are checked when they are connected to.
    if not reach.is_extended and ("." not in host or any(host.endswith(f".{name}") for name in _LOCAL)):
        raise NotAllowed(_private(host))
    return False


def _private(host: str) -> str:
    return f"{host} is not a public address. The operator of this server can allow its network."
