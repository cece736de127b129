"""A worker process, one of several that serve together.

`gateway.process.workers` runs it as `python -m gateway.process.worker <descriptor> <log format>`. The descriptor is a
socket to the supervisor, which sends lines of JSON: first an order to serve, then requests for metrics. When the socket
is closed, the worker stops, whether the supervisor closed it or died.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import structlog
from pydantic import SecretStr

from gateway.config import Settings
from gateway.data.driver.failure import ERRORS
from gateway.event_loop import begin_to_serve, run, without_collection
from gateway.refusal import Refusal
from gateway.telemetry.log import begin_logging, configure_logging, report_crashes
from gateway.telemetry.progress import tell

log = structlog.stdlib.get_logger(__name__)

SERVES = b"serves\n"
"""The worker's message that it is serving."""


@dataclass(frozen=True, slots=True)
class Order:
    """The supervisor's order to a worker."""

    number: int
    settings: Mapping[str, Any]
    database_url: str
    sockets: tuple[int, ...]
    """Inherited file descriptors."""

    @classmethod
    def of(cls, number: int, settings: Settings, database_url: str, sockets: list[socket.socket]) -> Order:
        """Create the order for one worker. The owner URL is left out, because only the supervisor migrates."""
        values = settings.model_dump(exclude={"database_url", "owner_url", "broker_url"})
        values["broker_url"] = settings.chosen_broker
        values["demo"] = settings.offers_demo
        return cls(number, values, database_url, tuple(each.fileno() for each in sockets))

    def line(self) -> bytes:
        """The order as a line of JSON, secrets included."""
        return orjson.dumps(asdict(self), default=_plain) + b"\n"


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def main() -> int:
    """Serve until the supervisor closes the socket, and return the exit status."""
    # Only the supervisor stops workers. It may have received the same signal.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    begin_logging(sys.argv[2] if len(sys.argv) > 2 else "auto")
    report_crashes()
    try:
        run(work(socket.socket(fileno=int(sys.argv[1]))))
    except Refusal as refusal:
        tell(f"parley: {refusal}", logging.ERROR)
        return refusal.exit_status
    except ERRORS as error:
        # Only at startup: a serving worker survives the loss of the database.
        log.error("worker_failed", error=type(error).__name__, reason=str(error))
        return 1
    return 0


async def work(channel: socket.socket) -> None:
    """Serve as ordered, and answer requests for metrics, until the channel is closed."""
    from gateway.app import running
    from gateway.data.server.opening import OpenDatabase

    orders, answers = await asyncio.open_unix_connection(sock=channel)
    order = Order(**orjson.loads(await orders.readline()))
    settings = Settings(_env_file=None, database_url=order.database_url, **order.settings)
    configure_logging(settings)
    structlog.contextvars.bind_contextvars(worker=order.number)
    listeners = [socket.socket(fileno=each) for each in order.sockets]
    async with AsyncExitStack() as stack:
        with without_collection():
            serving = running(settings, OpenDatabase(order.database_url, None), listeners=listeners)
            gateway = await stack.enter_async_context(serving)
            begin_to_serve()
        answers.write(SERVES)
        async for question in orders:
            answers.write(orjson.dumps([int(question), gateway.instruments.samples()]) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
