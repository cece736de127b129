"""The server that creates and closes connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from aiohttp import web

from gateway.http.aiohttp_private import connection_settings
from gateway.http.plain.connection import Connection
from gateway.http.plain.endpoint import Endpoint
from gateway.http.plain.head import PlainHeads
from gateway.http.plain.serving import Serving
from gateway.http.seats.room import Room
from gateway.http.seats.stopping import Stopping

_LOOK_SECONDS = 0.02


class Server(web.Server):
    """Creates connections, and closes them at shutdown."""

    def __init__(self, server: web.Server, endpoint: Endpoint, stopping: Stopping, room: Room) -> None:
        """Replace `server`, whose connections would leave every request to the application."""
        super().__init__(
            server.request_handler,
            request_factory=server.request_factory,
            handler_cancellation=server.handler_cancellation,
            **connection_settings(server),
        )
        self.serving = Serving(endpoint, stopping, room, PlainHeads(endpoint.options), lambda: self.plain_connections())

    def __call__(self) -> Connection:
        return Connection(self, self.serving, loop=asyncio.get_running_loop(), **connection_settings(self))

    def plain_connections(self) -> list[Connection]:
        """All open connections."""
        return cast("list[Connection]", self.connections)

    def pre_shutdown(self) -> None:
        """Accept no more requests. Idle connections are closed now, the others once they have answered."""
        self.serving.stopping.begun = True
        for connection in self.connections:
            cast("Connection", connection).retire()

    async def closed_but(self, others: Callable[[], int], within_seconds: float) -> None:
        """Wait until only `others()` connections are open, for `within_seconds` at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                # Polling happens only at shutdown, so that connections need not signal their end while serving.
                while len(self.connections) > others():  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_SECONDS)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aiohttp's
        await super().shutdown(timeout)
        # Their resources must be released before shutdown continues.
        if self.serving.left:
            await asyncio.wait(self.serving.left, timeout=timeout)
