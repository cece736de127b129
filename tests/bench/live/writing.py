"""A gateway that writes messages when it is told to, in larger transactions than a request makes, and without requests.

    python -m tests.bench.live.writing DIRECTORY RUNTIME_URL OWNER_URL

It serves like any other. The second line of its output is a port on 127.0.0.1, where `told_to_write` says what is to be
written. That goes the way of a mutation: on a stamped connection of the runtime role, under row-level security, and the
hub and the broker are told after each commit.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from uuid import UUID

import orjson
import uvloop

from gateway.app import Gateway
from gateway.auth.identity import Identity
from gateway.data.queries import parse
from gateway.data.tenancy import Tenant
from tests.bench.data import DataSet
from tests.bench.live.contenders import parley
from tests.bench.live.latency import paced
from tests.bench.live.people import Person
from tests.bench.served.serving import serving
from tests.bench.servers import Kind, Server

TOGETHER = 4
"""Messages of one user in a transaction."""
_WRITERS = 8
"""Transactions at a time."""
_MOST_BYTES = 16 * 1024 * 1024
"""Of what is told, or answered, at once."""

_ADD = parse(
    "bench.add",
    """
    INSERT INTO messages (user_id, conversation_id, role, content)
    SELECT :user_id, :conversation_id, 'user', c.content
    FROM unnest(:contents::text[]) AS c (content)
    RETURNING id
    """,
)


def writing(broker_url: str) -> Kind:
    """Such a gateway, with hints to other processes by this broker."""
    kind = parley(broker_url)

    def command(data: DataSet) -> list[str]:
        database = data.database
        module = "tests.bench.live.writing"
        return [sys.executable, "-m", module, str(data.directory), database.runtime_url, database.owner_url]

    return replace(kind, command=command)


Tell = Callable[[Sequence[Person], str, float, float], Awaitable[dict[UUID, float]]]


@asynccontextmanager
async def told_to_write(server: Server) -> AsyncIterator[Tell]:
    """A way to have a server write so many messages a second for so long, by people in turn.

    It returns their ids, and when the server, by the clock of the machine, knew that each was committed.
    """
    port = int(await asyncio.to_thread(server.output.readline))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_MOST_BYTES)

    async def tell(people: Sequence[Person], content: str, per_second: float, seconds: float) -> dict[UUID, float]:
        writers = [(person.token, str(person.conversation_id)) for person in people]
        writer.write(orjson.dumps((writers, content, per_second, seconds)) + b"\n")
        return {UUID(id): at for id, at in orjson.loads(await reader.readline()).items()}

    with closing(writer):
        yield tell


@dataclass(frozen=True, slots=True)
class _Writer:
    gateway: Gateway

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Do what is told on a connection, one after the other."""
        while line := await reader.readline():
            written = await self._write(*orjson.loads(line))
            writer.write(orjson.dumps(written) + b"\n")

    async def _write(
        self, people: Sequence[Sequence[str]], content: str, per_second: float, seconds: float
    ) -> dict[str, float]:
        verify = self.gateway.resources.authenticator.verify
        known = [(verify(token), UUID(conversation)) for token, conversation in people]
        contents = [content] * TOGETHER
        written: dict[str, float] = {}

        async def add(number: int) -> None:
            ids = await self._add(*known[number % len(known)], contents)
            written.update(dict.fromkeys(ids, time.time()))

        await paced([add] * _WRITERS, per_second / TOGETHER, seconds)
        return written

    async def _add(self, identity: Identity, conversation_id: UUID, contents: Sequence[str]) -> list[str]:
        resources = self.gateway.resources
        tenant = Tenant(resources.pool, identity.stamp, committed=resources.hub.committed)
        try:
            async with tenant.autocommit() as db:
                rows = await db.rows(_ADD, conversation_id=conversation_id, contents=contents)
            return [str(row["id"]) for row in rows]
        finally:
            await tenant.close()


async def serve(directory: str, runtime_url: str, owner_url: str) -> None:
    """Serve and listen until killed."""
    async with serving(directory, runtime_url, owner_url) as gateway:
        server = await asyncio.start_server(_Writer(gateway).listen, "127.0.0.1", 0, limit=_MOST_BYTES)
        _, port = server.sockets[0].getsockname()
        print(gateway.url, port, sep="\n", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:4]))
