"""The end of what serves a client for long: a socket, or an event stream. Whoever comes first with a reason ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from gateway.execution.complete import failed
from gateway.http.close import CloseCode, SocketClosedError


class Ending:
    """Whether the end has come, and with which reason."""

    __slots__ = ("_serving", "has_come", "reason")

    def __init__(self) -> None:
        self.has_come = False
        self.reason: SocketClosedError | None = None
        """What to tell the client, if that is left to do; None when it has gone, or all has been said."""
        self._serving: asyncio.Timeout | None = None

    def come(self, reason: SocketClosedError | None) -> None:
        """Let it end with this reason. The first counts."""
        if self.has_come:
            return
        self.has_come = True
        self.reason = reason
        if self._serving is not None:
            self._serving.reschedule(asyncio.get_running_loop().time())

    async def cut_short(self, work: Coroutine[Any, Any, None]) -> None:
        """Work, in this task, until the end comes from elsewhere. The end of the work is the end as well."""
        if self.has_come:
            return work.close()
        try:
            # It has no time of its own: `come` is what lets it run out.
            async with asyncio.timeout(None) as self._serving:
                await self.guard(work)
        except TimeoutError:
            pass
        finally:
            self._serving = None
        return self.come(None)

    async def guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Let whatever ends the work, but for its own end, be the end in good order."""
        try:
            await work
        except SocketClosedError as error:
            self.come(error)
        except ConnectionError:
            self.come(None)
        except Exception as error:  # noqa: BLE001 - the outer edge
            reference = failed(error).errors[0]["extensions"]["reference"]
            self.come(SocketClosedError(CloseCode.INTERNAL, f"Something went wrong on our side: {reference}"))
