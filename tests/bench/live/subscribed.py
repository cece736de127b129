"""Whether sockets of many people listen yet: no message of the protocol says so, an event that arrives does."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.client import check, connected
from tests.bench.live.contenders import adding
from tests.bench.live.crowd import until
from tests.bench.live.people import Person
from tests.bench.live.sockets import Lost, Socket, require_open
from tests.bench.servers import Server

_TIMES = 10
_WAIT_SECONDS = 2.0
_MARKER = "Who listens?"


async def reach_all(server: Server, sockets: Sequence[Socket], people: Sequence[Person]) -> None:
    """Let people write until each socket, of which each person has equally many in a row, has been sent something."""
    each_has = len(sockets) // len(people)
    waiting = set(range(len(sockets)))

    def hear(number: int) -> None:
        def take(connection: Socket, data: bytes, start: int, end: int) -> None:
            waiting.discard(number)

        sockets[number].take = take

    for number in range(len(sockets)):
        hear(number)
    for _ in range(_TIMES):
        async with connected(server.url, 1) as (connection,):
            for number in sorted({number // each_has for number in waiting}):
                body = await connection.ask(adding(server.url, people[number], _MARKER))
                check(connection.status, body)
        if await until(lambda: not waiting, _WAIT_SECONDS):
            return
        require_open(sockets)
    raise Lost(f"{len(waiting)} of {len(sockets)} sockets were never sent anything.")
