"""A transport that can hold something back, to send it in one go with what the driver sends next.

An event loop sends what is written at once. A stamp that is sent before its statement would cost another system call
here, and wake the server twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from asyncpg import protocol


class JoiningTransport:
    """Passes for the transport that it stands before."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.under = transport
        self._held = b""
        self.write: Callable[[Any], None] = transport.write

    def hold(self, data: bytes) -> None:
        """Send this in front of what is written next."""
        self._held = data
        self.write = self._write_both

    def let_go(self) -> None:
        """Forget what is held, if it has not been sent."""
        self.write = self.under.write
        self._held = b""

    def _write_both(self, data: Any) -> None:
        held = self._held
        self.let_go()
        self.write(held + data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.under, name)


class JoiningLoop:
    """Passes for the event loop while the driver connects, and gives it such transports."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def create_connection(self, factory: Callable[[], Any], *where: Any, **options: Any) -> tuple[Any, Any]:
        """As the loop does."""
        return _opened(*await self._loop.create_connection(_opening(factory), *where, **options))

    async def create_unix_connection(self, factory: Callable[[], Any], path: str) -> tuple[Any, Any]:
        """As the loop does."""
        return _opened(*await self._loop.create_unix_connection(_opening(factory), path))

    async def start_tls(self, transport: JoiningTransport, of_driver: Any, context: Any, **options: Any) -> Any:
        """As the loop does, on the transport that it knows."""
        upgraded = await self._loop.start_tls(transport.under, of_driver, context, **options)
        return None if upgraded is None else JoiningTransport(upgraded)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


class _Opening(asyncio.Protocol):
    """Puts the transport between the loop and the driver's protocol, and leaves them to each other."""

    def __init__(self, of_driver: protocol.Protocol) -> None:
        self.of_driver = of_driver

    def connection_made(self, transport: Any) -> None:
        self.transport = JoiningTransport(transport)
        transport.set_protocol(self.of_driver)
        self.of_driver.connection_made(self.transport)


def _opening(factory: Callable[[], Any]) -> Callable[[], Any]:
    def made() -> Any:
        found = factory()
        # Another one is there to ask for TLS. The driver gives its own the transport that comes of that.
        return _Opening(found) if isinstance(found, protocol.Protocol) else found

    return made


def _opened(transport: Any, found: Any) -> tuple[Any, Any]:
    return (found.transport, found.of_driver) if isinstance(found, _Opening) else (JoiningTransport(transport), found)
