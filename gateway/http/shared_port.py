"""A port that several processes listen on, each on sockets of its own.

The kernel spreads new connections over them by a hash of the caller's address. From one shared socket, whoever wakes
up first takes the connection: of 200 that came one after another, four processes took 104, 49, 41 and 6, where four
sockets give 46 to 56 each. The supervisor makes the sockets and keeps them open, so that what waits in the queue of a
process that died is there for its successor.
"""

from __future__ import annotations

import errno
import socket
import sys
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any

from aiohttp import web

from gateway.refusal import Refusal

QUEUE = 128
"""Connections that wait to be accepted, as many as asyncio lets wait."""


@dataclass(frozen=True, slots=True)
class SharedPort:
    """The addresses to listen on, which were free."""

    addresses: tuple[tuple[socket.AddressFamily, tuple[Any, ...]], ...]

    @classmethod
    def reserve(cls, host: str, port: int) -> SharedPort:
        """Find the addresses of a host and a port. Port 0 becomes a free one, the same on each address.

        Raises a `Refusal` when one is taken, by other processes that would share it as well.
        """
        if sys.platform != "linux":
            raise Refusal("Several workers on one port need Linux, which spreads connections. Set PARLEY_WORKERS=1.")
        found = []
        try:
            for family, *_, (name, _port, *rest) in socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            ):
                with bound(family, (name, port, *rest)) as free:
                    port = free.getsockname()[1]
                found.append((family, (name, port, *rest)))
        except OSError as error:
            raise cannot_listen(host, port, error) from error
        return cls(tuple(found))

    def listen(self) -> list[socket.socket]:
        """A socket for each address. The kernel begins to give them their share at once."""
        opened: list[socket.socket] = []
        try:
            for family, address in self.addresses:
                opened.append(bound(family, address, shared=True))
                opened[-1].listen(QUEUE)
        except OSError as error:
            close(opened)
            raise cannot_listen(address[0], address[1], error) from error
        return opened


def site(runner: web.BaseRunner, host: str, port: int) -> web.BaseSite:
    """Where a runner listens in a single process. Starting it raises `OSError` when that cannot be had."""
    if _is_every_interface(host):
        return web.SockSite(runner, bound(socket.AF_INET6, (host, port, 0, 0)))
    return web.TCPSite(runner, host, port)


def close(sockets: list[socket.socket]) -> None:
    """Stop to listen. What waited to be accepted is refused, unless another process has the same sockets."""
    for each in sockets:
        each.close()


def reachable(host: str) -> str:
    """Where to go for what listens here; an address that stands for all of them is none to go to."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on


def cannot_listen(host: str, port: int, error: OSError, setting: str = "PARLEY_PORT") -> Refusal:
    """Says that an address cannot be had, and by which setting another is."""
    is_about_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
    mended_by = setting if is_about_port else setting.replace("_PORT", "_HOST")
    return Refusal(f"Parley cannot listen on {host} port {port}: {error.strerror}. Set {mended_by}.")


def _is_every_interface(host: str) -> bool:
    """Whether the host is `::`, which stands for IPv4 as well. asyncio would leave that out."""
    try:
        return IPv6Address(host) == IPv6Address("::")
    except ValueError:
        return False


def bound(family: socket.AddressFamily, address: tuple[Any, ...], *, shared: bool = False) -> socket.socket:
    """A socket at an address. Raises `OSError` when that cannot be had."""
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not _is_every_interface(address[0]))
        made.bind(address)
    except BaseException:
        made.close()
        raise
    return made
