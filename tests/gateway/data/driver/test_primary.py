"""Of several hosts, the one that takes writes is found, whatever the others do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from gateway.data.driver.primary import Primary
from gateway.database_url import hosts
from tests.kit.database import Database


@dataclass(slots=True)
class Silence:
    """A host that takes connections and never says a word."""

    port: int = 0
    called: int = 0
    rings: asyncio.Event = field(default_factory=asyncio.Event)

    async def hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.called += 1
        self.rings.set()
        with suppress(ConnectionError):
            await reader.read()
            await reader.read()
        writer.close()


@asynccontextmanager
async def silent() -> AsyncIterator[Silence]:
    host = Silence()
    async with await asyncio.start_server(host.hold, "127.0.0.1", 0) as server:
        host.port = server.sockets[0].getsockname()[1]
        yield host


def behind(first: int, database: Database) -> Primary:
    """The database, named after a host on this port."""
    (host,), (port,) = parse_qs(urlsplit(database.runtime_url).query).values()
    return Primary(f"postgresql://parley_app@/{database.name}?host=127.0.0.1,{host}&port={first},{port}")


async def test_host_that_is_down_is_passed_over(database: Database) -> None:
    connection = await behind(1, database).connect(timeout=10)
    assert await connection.fetchval("SELECT current_database()") == database.name
    await connection.close()


async def test_host_that_does_not_answer_takes_its_share_of_the_time_once(database: Database) -> None:
    async with silent() as host:
        primary = behind(host.port, database)
        for _ in range(2):
            connection = await primary.connect(timeout=2)
            await connection.close()
        assert host.called == 1


async def test_attempt_that_was_given_up_is_not_made_first_again(database: Database) -> None:
    async with silent() as host:
        primary = behind(host.port, database)
        attempt = asyncio.create_task(primary.connect(timeout=60))
        await host.rings.wait()
        attempt.cancel()
        await asyncio.wait([attempt])
        connection = await primary.connect(timeout=60)
        await connection.close()
        assert host.called == 1


async def test_host_that_takes_no_writes_is_none(empty_database: Database) -> None:
    owner = await asyncpg.connect(empty_database.owner_url)
    await owner.execute(f"ALTER DATABASE {empty_database.name} SET default_transaction_read_only = on")
    await owner.close()
    with pytest.raises(asyncpg.TargetServerAttributeNotMatched):
        await Primary(empty_database.runtime_url).connect(timeout=10)


@pytest.mark.parametrize(
    ("url", "each"),
    [
        ("postgresql://a@one/p", ["postgresql://a@one/p"]),
        ("postgresql:///p", ["postgresql:///p"]),
        (
            "postgresql://a:b%2Cc@one:1,[::2]:2/p?sslmode=require",
            ["postgresql://a:b%2Cc@one:1/p?sslmode=require", "postgresql://a:b%2Cc@[::2]:2/p?sslmode=require"],
        ),
        (
            "postgresql://a@/p?host=/one,/two&port=1,2",
            ["postgresql://a@/p?host=%2Fone&port=1", "postgresql://a@/p?host=%2Ftwo&port=2"],
        ),
        (
            "postgresql://a@/p?host=one,two&port=1",
            ["postgresql://a@/p?host=one&port=1", "postgresql://a@/p?host=two&port=1"],
        ),
    ],
)
def test_url_names_its_hosts_in_either_place(url: str, each: list[str]) -> None:
    assert hosts(url) == each


def test_ports_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="one port, or one for each host"):
        hosts("postgresql://a@/p?host=one,two,three&port=1,2")
