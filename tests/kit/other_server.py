"""Run the tests on another PostgreSQL server, for versions other than the embedded one.

    PARLEY_TEST_SERVER=postgresql://postgres@127.0.0.1:5416 make test

The URL must name a superuser. The server must accept every role without a password, and be used for tests alone. Tests
that start, stop or kill their own server still use the embedded one.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit
from uuid import uuid4

import asyncpg
import pytest

from gateway.data.setup.roles import LOGIN

URL = os.environ.get("PARLEY_TEST_SERVER", "")

embedded_only = pytest.mark.skipif(bool(URL), reason="needs PostgreSQL 18, and another server may be older")


@dataclass(frozen=True, slots=True)
class OtherServer:
    """Another server, with the same interface as the embedded one."""

    superuser: str
    host: str
    port: int
    database: str

    @property
    def owner_url(self) -> str:
        return self.url(self.superuser)

    @property
    def runtime_url(self) -> str:
        return self.url(LOGIN)

    def url(self, role: str, database: str = "") -> str:
        """A connection URL in the same form as the embedded server's."""
        return f"postgresql://{role}@/{database or self.database}?host={quote(self.host)}&port={self.port}"


@asynccontextmanager
async def other_server(url: str) -> AsyncIterator[OtherServer]:
    """Use the server at a URL, with a new database that is dropped at the end."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    host, port = query.get("host", parts.hostname or "127.0.0.1"), int(query.get("port", parts.port or 5432))
    server = OtherServer(parts.username or "postgres", host, port, f"test_{uuid4().hex}")
    await _execute(server, f"CREATE DATABASE {server.database} TEMPLATE template0")
    try:
        yield server
    finally:
        await _execute(server, f"DROP DATABASE {server.database} WITH (FORCE)")


async def _execute(server: OtherServer, text: str) -> None:
    connection = await asyncpg.connect(server.url(server.superuser, "postgres"))
    try:
        await connection.execute(text)
    finally:
        await connection.close()
