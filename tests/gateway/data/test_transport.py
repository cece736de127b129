"""What is held back goes with what is written next, in one piece, and once."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.data.pool import connected
from gateway.data.primary import Primary
from gateway.data.transport import JoiningTransport
from tests.database import Database


class Pieces(asyncio.Transport):
    """Keeps what it is given, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []

    def write(self, data: Any) -> None:
        self.pieces.append(bytes(data))


def test_what_is_held_goes_in_front_of_what_comes_next() -> None:
    under = Pieces()
    transport = JoiningTransport(under)
    transport.write(b"a")
    transport.hold(b"b")
    assert under.pieces == [b"a"]
    transport.write(memoryview(b"c"))
    transport.write(b"d")
    assert under.pieces == [b"a", b"bc", b"d"]


def test_what_is_let_go_is_never_sent() -> None:
    under = Pieces()
    transport = JoiningTransport(under)
    transport.hold(b"a")
    transport.let_go()
    transport.write(b"b")
    assert under.pieces == [b"b"]


async def test_connections_of_the_pool_have_such_transports(database: Database) -> None:
    made = await connected(Primary(database.runtime_url), 10)
    assert isinstance(made._transport, JoiningTransport)
    assert made._loop is asyncio.get_running_loop()
    await made.close()
