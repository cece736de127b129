"""How a long-lived connection (a socket or an event stream) ends. The first reason counts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from gateway.execution.complete import failed
from gateway.http.close import CloseCode, SocketClosedError


class Ending:
    """Whether a connection has ended, and why."""

    __slots__ = ("_serving", "has_ended", "reason")

    def __init__(self) -> None:
        self.has_ended = False
        self.reason: SocketClosedError | None = None
        """What to tell the client. None if the client has gone or everything has been sent."""
        self._serving: asyncio.Timeout | None = None

    def end(self, reason: SocketClosedError | None) -> None:
        """End the connection for this reason. Later calls have no effect."""
        if self.has_ended:
            return
        self.has_ended = True
        self.reason = reason
        if self._serving is not None:
            self._serving.reschedule(asyncio.get_running_loop().time())

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in this task until it finishes or the connection is ended from elsewhere."""
        if self.has_ended:
            return work.close()
        try:
            # There is no deadline yet: `end` sets it to now.
            async with asyncio.timeout(None) as self._serving:
                await self.guard(work)
        except TimeoutError:
            pass
        finally:
            self._serving = None
        return self.end(None)

    async def guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`. If it raises, end the connection with the matching reason."""
        try:
            await work
        except SocketClosedError as error:
            self.end(error)
        except ConnectionError:
            self.end(None)
        except Exception as error:  # noqa: BLE001 - the outer edge
            reference = failed(error).errors[0]["extensions"]["reference"]
            self.end(SocketClosedError(CloseCode.INTERNAL, f"Something went wrong on our side: {reference}"))
