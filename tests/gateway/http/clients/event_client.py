"""A client of server-sent events that sees every byte: comments, ids, chunks and how the stream ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.gateway.http.clients.raw_client import RawClient, post
from tests.gateway.http.clients.raw_client import connected as raw_connection
from tests.gateway.toy import Served

ACCEPT = "Accept: text/event-stream"


@dataclass(slots=True)
class EventClient:
    """One connection that has asked for a stream."""

    raw: RawClient
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    ended: bool = False
    """Whether the last chunk has come, as it should at the end of any stream."""
    said: list[Any] = field(default_factory=list)
    """What has been read of the answer, for whoever keeps it."""
    _text: bytes = b""

    async def read_head(self) -> None:
        async with asyncio.timeout(20):
            status, *lines = (await self.raw.reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        self.status = int(status.split()[1])
        self.headers = dict(line.split(": ", 1) for line in lines)

    async def block(self) -> dict[str, str] | None:
        """The next lines up to an empty one, by their names; comments have none. None at the end of the stream."""
        async with asyncio.timeout(20):
            while b"\n\n" not in self._text:
                size = int(await self.raw.reader.readuntil(b"\r\n"), 16)
                self._text += await self.raw.reader.readexactly(size)
                assert await self.raw.reader.readexactly(2) == b"\r\n"
                if not size:
                    self.ended = True
                    assert not self._text
                    return None
        block, _, self._text = self._text.partition(b"\n\n")
        return dict(line.split(":", 1) for line in block.decode().split("\n"))

    async def event(self) -> tuple[str, str | None, Any]:
        """The next event: its kind, its id and its data. Signs of life are passed over."""
        while (block := await self.block()) == {"": ""}:
            pass
        assert block is not None, "the stream has ended"
        data = block["data"].strip()
        id = block.get("id")
        return block["event"].strip(), None if id is None else id.strip(), orjson.loads(data) if data else None

    async def comment(self) -> str | None:
        """The next thing that is said in a comment; None if the stream ends without."""
        while (block := await self.block()) == {"": ""}:
            pass
        return None if block is None else block[""].strip()

    async def error(self) -> dict[str, Any]:
        """The one error of an answer that is no stream."""
        body = await self.raw.reader.readexactly(int(self.headers["Content-Length"]))
        (error,) = orjson.loads(body)["errors"]
        found: dict[str, Any] = error
        return found


@asynccontextmanager
async def asking(served: Served, query: str, *headers: str, **members: Any) -> AsyncIterator[EventClient]:
    """What answers to an operation that is asked for as a stream."""
    async with sending(served, post(orjson.dumps({"query": query, **members}), ACCEPT, *headers)) as client:
        yield client


@asynccontextmanager
async def sending(served: Served, request: bytes) -> AsyncIterator[EventClient]:
    """What answers to a request."""
    async with raw_connection(served) as raw:
        raw.send(request)
        client = EventClient(raw)
        await client.read_head()
        yield client
