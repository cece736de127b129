"""How the gateway is told to stop: once in good order, twice at once."""

from __future__ import annotations

import asyncio
import signal

from gateway.refusal import Refusal


class Stop:
    """What SIGTERM and Ctrl-C ask for: to stop in good order, and when asked again, or before we serve, to stop now."""

    def __init__(self) -> None:
        self._main = asyncio.current_task()
        self._wanted = asyncio.Event()
        self._serving = False
        self.at_once = False
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._asked)

    async def wait(self) -> None:
        """Return when it is asked for."""
        self._serving = True
        await self._wanted.wait()

    def _asked(self) -> None:
        if self._serving and not self._wanted.is_set():
            self._wanted.set()
        elif self._main is not None and not self.at_once:
            self.at_once = True
            self._main.cancel()


class StoppedAtOnceError(Refusal):
    """We were told to stop before we served, or twice."""

    # By convention of the shell, for a program that Ctrl-C ended.
    exit_status = 130
