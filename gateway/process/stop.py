"""Signal handling: the first signal stops the gateway gracefully, the second immediately."""

from __future__ import annotations

import asyncio
import signal

from gateway.refusal import Refusal


class Stop:
    """Handles SIGTERM and SIGINT. The first stops gracefully. A second one, or one before serving, stops at once."""

    def __init__(self) -> None:
        self._main = asyncio.current_task()
        self._wanted = asyncio.Event()
        self._serving = False
        self.at_once = False
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._asked)

    async def wait(self) -> None:
        """Wait for the first signal."""
        self._serving = True
        await self._wanted.wait()

    def _asked(self) -> None:
        if self._serving and not self._wanted.is_set():
            self._wanted.set()
        elif self._main is not None and not self.at_once:
            self.at_once = True
            self._main.cancel()


class StoppedAtOnceError(Refusal):
    """Parley was stopped before it served, or by a second signal."""

    # The shell's convention after Ctrl-C.
    exit_status = 130
