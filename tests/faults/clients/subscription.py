"""One subscription over a websocket of its own, by a client that bears that it breaks off."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import aiohttp
import orjson

from tests.kit.serving import Client

RETRY_SECONDS = 0.02
"""As any client, this one waits before it tries again."""


class BrokenError(Exception):
    """The subscription broke off, and may be resumed."""


LOST = (BrokenError, aiohttp.ClientError, OSError)
"""What happens to a subscription when something goes wrong on its way."""


@dataclass(slots=True)
class Connections:
    """How often one client has connected, and why it had to."""

    patience_seconds: float
    """How long it hears nothing before it goes elsewhere."""
    count: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """The codes of the errors that subscriptions ended with, and of the closes of sockets."""

    @asynccontextmanager
    async def subscribed(
        self, client: Client, url: str, operation: str, **variables: Any
    ) -> AsyncIterator[AsyncGenerator[dict[str, Any], None]]:
        """The events of a subscription, until it ends. Raises one of `LOST` when it breaks off."""
        self.count += 1
        connecting = client.http.ws_connect(
            f"{url}/graphql",
            protocols=["graphql-transport-ws"],
            # Whoever does not answer a goodbye is frozen.
            timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
        )
        async with connecting as socket:
            await socket.send_json({"type": "connection_init", "payload": client.headers})
            payload = {"query": operation, "variables": variables}
            await socket.send_json({"type": "subscribe", "id": "1", "payload": payload})
            yield self._events(socket)

    async def _events(self, socket: aiohttp.ClientWebSocketResponse) -> AsyncGenerator[dict[str, Any], None]:
        fresh = True
        while True:
            message = await socket.receive(timeout=self.patience_seconds)
            if message.type is not aiohttp.WSMsgType.TEXT:
                self.reasons[str(socket.close_code)] += 1
                raise BrokenError
            match orjson.loads(message.data):
                case {"type": "next", "payload": {"errors": errors}}:
                    self._broke(errors, fresh=True)
                case {"type": "error", "payload": errors}:
                    self._broke(errors, fresh=fresh)
                case {"type": "complete"}:
                    return
                case {"type": "next", "payload": {"data": data}}:
                    fresh = False
                    (event,) = data.values()
                    yield event

    def _broke(self, errors: list[dict[str, Any]], *, fresh: bool) -> NoReturn:
        codes = {error["extensions"]["code"] for error in errors}
        self.reasons.update(codes)
        # One who was too slow may be told to read again; but never one who has just come with a cursor.
        assert not codes & {"INTERNAL", "BAD_REQUEST", "NOT_FOUND"}, errors
        assert not (fresh and "RESYNC" in codes), errors
        raise BrokenError
