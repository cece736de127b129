"""A port on which several processes listen, each on its own sockets.

The kernel distributes new connections over them by a hash of the caller's address. With one shared socket, the process
that wakes up first takes the connection: of 200 successive connections, four processes took 104, 49, 41 and 6, whereas
four sockets give 46 to 56 each. The supervisor creates the sockets and keeps them open, so that connections in the
queue of a process that died are left to its successor.
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
"""Length of the accept queue, as in asyncio."""


@dataclass(frozen=True, slots=True)
class SharedPort:
    """The addresses to listen on, which were free when checked."""

    addresses: tuple[tuple[socket.AddressFamily, tuple[Any, ...]], ...]

    @classmethod
    def reserve(cls, host: str, port: int) -> SharedPort:
        """Resolve a host and a port to addresses. Port 0 picks a free port, the same on each address.

        Raises a `Refusal` if an address is in use, even by processes that would share it.
        """
        if sys.platform != "linux":
            raise Refusal("Several workers on one port need Linux, which spreads connections. Set PARLEY_WORKERS=1.")
        addresses = []
        try:
            for family, *_, (name, _port, *rest) in socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            ):
                with bound(family, (name, port, *rest)) as free:
                    port = free.getsockname()[1]
                addresses.append((family, (name, port, *rest)))
        except OSError as error:
            raise cannot_listen(host, port, error) from error
        return cls(tuple(addresses))

    def listen(self) -> list[socket.socket]:
        """Open a listening socket for each address. The kernel sends them connections at once."""
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
    """The site of a runner in a single process. Starting it raises `OSError` if the address cannot be used."""
    if _is_every_interface(host):
        return web.SockSite(runner, bound(socket.AF_INET6, (host, port, 0, 0)))
    return web.TCPSite(runner, host, port)


def close(sockets: list[socket.socket]) -> None:
    """Stop listening. Queued connections are refused, unless another process has the same sockets open."""
    for each in sockets:
        each.close()


def reachable(host: str) -> str:
    """An address to connect to for a server that listens on `host`, which may be a wildcard address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on


def cannot_listen(host: str, port: int, error: OSError, setting: str = "PARLEY_PORT") -> Refusal:
    """The refusal for an address that cannot be used, with the setting to change."""
    is_about_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
    remedy = setting if is_about_port else setting.replace("_PORT", "_HOST")
    return Refusal(f"Parley cannot listen on {host} port {port}: {error.strerror}. Set {remedy}.")


def _is_every_interface(host: str) -> bool:
    """Whether the host is `::`, which includes IPv4 here. asyncio would exclude it."""
    try:
        return IPv6Address(host) == IPv6Address("::")
    except ValueError:
        return False


def bound(family: socket.AddressFamily, address: tuple[Any, ...], *, shared: bool = False) -> socket.socket:
    """Bind a socket to an address. Raises `OSError` if the address cannot be used."""
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not _is_every_interface(address[0]))
        opened.bind(address)
    except BaseException:
        opened.close()
        raise
    return opened
