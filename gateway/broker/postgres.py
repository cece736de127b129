"""PostgreSQL as the carrier: LISTEN and NOTIFY on a dedicated connection.

A notifying transaction holds a server-wide lock during its commit, so a NOTIFY inside a writing transaction serializes
all writers. Here, hints and signals are batched for some milliseconds and sent outside any write. Every process
receives everything, which is fine for a few dozen processes.
"""

from __future__ import annotations

import base64
import functools
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from gateway.broker.remote import Line, RemoteBroker, Signal
from gateway.data.driver.primary import Primary

_log = structlog.get_logger(__name__)

CHANNEL = "parley_feed"
GATHER_SECONDS = 0.01
TIMEOUT_SECONDS = 5.0
MOST_BYTES = 7999
"""The longest payload of a notification."""

_SHORT = 4096
"""Signals up to this size are encoded in base64, which is fast; longer ones in base85, so that they fit."""
_DECODERS: dict[str, Callable[[str], bytes]] = {":": base64.b64decode, ";": base64.b85decode}
_DIGITS = 32
"""Hexadecimal digits of a user's id."""


def postgres_broker(url: str) -> RemoteBroker:
    """Create a broker whose carrier is the database at `url`."""
    return RemoteBroker(functools.partial(_open_line, Primary(url)), gather_seconds=GATHER_SECONDS)


@asynccontextmanager
async def _open_line(primary: Primary, broker: RemoteBroker) -> AsyncIterator[Line]:
    connection = await primary.connect(
        timeout=TIMEOUT_SECONDS,
        command_timeout=TIMEOUT_SECONDS,
        server_settings={"application_name": "parley-broker"},
    )
    try:
        line = PostgresLine(connection, broker)
        connection.add_termination_listener(lambda _: broker.broken())
        await connection.add_listener(CHANNEL, line.receive)
        yield line
    finally:
        connection.terminate()


class PostgresLine:
    """A listening connection."""

    def __init__(self, connection: asyncpg.Connection, broker: RemoteBroker) -> None:
        self._connection = connection
        self._broker = broker
        self._node = secrets.token_hex(8)
        """Identifies our own notifications, which PostgreSQL sends back to us."""
        self._warned = False

    async def send(self, hints: Collection[UUID], signals: Collection[Signal]) -> None:
        """Notify all processes in one statement."""
        items = [*(user_id.hex for user_id in hints), *(_item(*signal) for signal in signals)]
        await self._connection.execute(
            "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS p (payload)",
            CHANNEL,
            list(_payloads(self._node, items)),
        )

    async def watch(self, user_ids: Collection[UUID]) -> None:
        """Do nothing: every process receives everything."""

    async def unwatch(self, user_ids: Collection[UUID]) -> None:
        """Do nothing: every process receives everything."""

    def receive(self, _connection: Any, _pid: int, _channel: str, payload: Any) -> None:
        """Pass on a notification of another process. Malformed ones are ignored."""
        node, *items = payload.split(" ")
        if node == self._node:
            return
        try:
            signals = [_signal(item) for item in items if len(item) > _DIGITS]
            self._broker.receive_hints([UUID(hex=item) for item in items if len(item) <= _DIGITS])
        except (ValueError, KeyError):
            if not self._warned:
                _log.warning("broker.unreadable")
            self._warned = True
            return
        for signal in signals:
            self._broker.receive_signal(*signal)


def _item(user_id: UUID, payload: bytes) -> str:
    if len(payload) <= _SHORT:
        return f"{user_id.hex}:{base64.b64encode(payload).decode()}"
    return f"{user_id.hex};{base64.b85encode(payload).decode()}"


def _signal(item: str) -> Signal:
    return UUID(hex=item[:_DIGITS]), _DECODERS[item[_DIGITS]](item[_DIGITS + 1 :])


def _payloads(node: str, items: list[str]) -> Iterator[str]:
    """Pack items into as few payloads as possible, each starting with the sender's id."""
    payload = node
    for item in items:
        if len(payload) + 1 + len(item) > MOST_BYTES:
            yield payload
            payload = node
        payload += f" {item}"
    if items:
        yield payload
