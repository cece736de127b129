"""A transport that can hold something back, to send it in one go with what the driver sends next.

An event loop sends what is written at once. A stamp that is sent before its statement would cost another system call
here, and wake the server twice. Where the driver sends statement after statement, each may have something before it.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from asyncpg import protocol

from gateway.data.driver.meter import Meter

_MESSAGE = struct.Struct("!ci")


class JoiningTransport:
    """Passes for the transport that it stands before."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.under = transport
        self.meter = Meter()
        self._held = b""
        self._each: Iterator[bytes] | None = None
        self.write: Callable[[Any], None] = transport.write

    def hold(self, data: bytes) -> None:
        """Send this in front of what is written next."""
        self._held = data
        self.write = self._write_both

    def hold_each(self, data: Sequence[bytes]) -> None:
        """Send one of these in front of each statement that is bound next."""
        self._each = iter(data)

    def let_go(self) -> None:
        """Forget what is held, if it has not been sent."""
        self.write = self.under.write
        self._held = b""
        self._each = None

    def set_protocol(self, of_driver: Any) -> None:
        """Give what comes in to the driver, and count it."""
        self.meter.pass_to(of_driver)
        self.under.set_protocol(self.meter)

    def writelines(self, data: Iterable[Any]) -> None:
        """As the transport that it stands before. Of statements without number, the driver writes whole messages."""
        sent = b"".join(data)
        self.write(sent if self._each is None else b"".join(_each_with(self._each, sent)))

    def _write_both(self, data: Any) -> None:
        held = self._held
        self.let_go()
        self.write(held + data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.under, name)


def _each_with(before: Iterator[bytes], messages: bytes) -> Iterator[bytes]:
    """The messages of the client, with one of these before each that binds a statement."""
    offset = 0
    while offset < len(messages):
        kind, length = _MESSAGE.unpack_from(messages, offset)
        if kind == b"B":
            yield next(before)
        yield messages[offset : (offset := offset + 1 + length)]


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
        self.transport.set_protocol(self.of_driver)
        self.of_driver.connection_made(self.transport)


def _opening(factory: Callable[[], Any]) -> Callable[[], Any]:
    def made() -> Any:
        found = factory()
        # Another one is there to ask for TLS. The driver gives its own the transport that comes of that.
        return _Opening(found) if isinstance(found, protocol.Protocol) else found

    return made


def _opened(transport: Any, found: Any) -> tuple[Any, Any]:
    return (found.transport, found.of_driver) if isinstance(found, _Opening) else (JoiningTransport(transport), found)
