"""A real NATS server, which tests can stop, kill, freeze, and start again on the same port."""

from __future__ import annotations

import asyncio
import signal
import sysconfig
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.kit.network.ports import free_port

PROGRAM = Path(sysconfig.get_path("scripts"), "nats-server")
READY = b"Server is ready"


@dataclass(slots=True)
class NatsServer:
    """A `nats-server` process without persistence."""

    options: tuple[str, ...] = ()
    """Further command-line options, besides the address and port."""
    port: int = field(default_factory=free_port)
    _process: Process | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start the process, and return once it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            *(str(PROGRAM), "--addr", "127.0.0.1", "--port", str(self.port), *self.options), stdout=DEVNULL, stderr=PIPE
        )
        assert self._process.stderr is not None
        printed = []
        async for line in self._process.stderr:
            printed.append(line)
            if READY in line:
                break
        else:
            raise AssertionError(b"".join(printed).decode())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, for example SIGSTOP or SIGCONT."""
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        """Kill the process without a shutdown, as a power failure would."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        # Its remaining output must be read, or the wait would never end.
        await self._process.communicate()


@asynccontextmanager
async def nats_server(*options: str) -> AsyncIterator[NatsServer]:
    """Run a server for the duration of the block."""
    server = NatsServer(options)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
