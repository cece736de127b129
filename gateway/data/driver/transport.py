"""A transport that can hold data back, to send it together with what the driver sends next.

An event loop sends written data at once. Sending a stamp before its statement would cost another system call and wake
the server twice. If the driver sends several statements, each can have its own prefix.
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
    """Wraps a transport, and behaves like it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.under = transport
        self.meter = Meter()
        self._held = b""
        self._each: Iterator[bytes] | None = None
        self.write: Callable[[Any], None] = transport.write

    def hold(self, data: bytes) -> None:
        """Send this before the data that is written next."""
        self._held = data
        self.write = self._write_both

    def hold_each(self, data: Sequence[bytes]) -> None:
        """Send one of these before each of the next Bind messages."""
        self._each = iter(data)

    def discard(self) -> None:
        """Discard held data that has not been sent."""
        self.write = self.under.write
        self._held = b""
        self._each = None

    def set_protocol(self, of_driver: Any) -> None:
        """Pass incoming data to the driver's protocol, and count it."""
        self.meter.pass_to(of_driver)
        self.under.set_protocol(self.meter)

    def writelines(self, data: Iterable[Any]) -> None:
        """Write like the wrapped transport. For `bind_execute_many`, the driver writes whole messages."""
        sent = b"".join(data)
        self.write(sent if self._each is None else b"".join(_each_with(self._each, sent)))

    def _write_both(self, data: Any) -> None:
        held = self._held
        self.discard()
        self.write(held + data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.under, name)


def _each_with(before: Iterator[bytes], messages: bytes) -> Iterator[bytes]:
    """Split client messages, and put one of `before` in front of each Bind."""
    offset = 0
    while offset < len(messages):
        kind, length = _MESSAGE.unpack_from(messages, offset)
        if kind == b"B":
            yield next(before)
        yield messages[offset : (offset := offset + 1 + length)]


class JoiningLoop:
    """Wraps the event loop while the driver connects, to give it `JoiningTransport`s."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def create_connection(self, factory: Callable[[], Any], *where: Any, **options: Any) -> tuple[Any, Any]:
        """Like the loop's method, with a wrapped transport."""
        return _opened(*await self._loop.create_connection(_opening(factory), *where, **options))

    async def create_unix_connection(self, factory: Callable[[], Any], path: str) -> tuple[Any, Any]:
        """Like the loop's method, with a wrapped transport."""
        return _opened(*await self._loop.create_unix_connection(_opening(factory), path))

    async def start_tls(self, transport: JoiningTransport, of_driver: Any, context: Any, **options: Any) -> Any:
        """Like the loop's method, on the wrapped transport."""
        upgraded = await self._loop.start_tls(transport.under, of_driver, context, **options)
        return None if upgraded is None else JoiningTransport(upgraded)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


class _Opening(asyncio.Protocol):
    """Inserts the transport between the loop and the driver's protocol, and is not involved afterwards."""

    def __init__(self, of_driver: protocol.Protocol) -> None:
        self.of_driver = of_driver

    def connection_made(self, transport: Any) -> None:
        self.transport = JoiningTransport(transport)
        self.transport.set_protocol(self.of_driver)
        self.of_driver.connection_made(self.transport)


def _opening(factory: Callable[[], Any]) -> Callable[[], Any]:
    def create() -> Any:
        created = factory()
        # The driver uses another protocol to negotiate TLS, and then hands the transport to its own.
        return _Opening(created) if isinstance(created, protocol.Protocol) else created

    return create


def _opened(transport: Any, made: Any) -> tuple[Any, Any]:
    return (made.transport, made.of_driver) if isinstance(made, _Opening) else (JoiningTransport(transport), made)
