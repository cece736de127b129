"""A real NATS server, to be stopped, killed, frozen and started again on the same port."""

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
    """`nats-server`, which keeps nothing."""

    options: tuple[str, ...] = ()
    """Of its command line, besides where to listen."""
    port: int = field(default_factory=free_port)
    _process: Process | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, and return once it serves."""
        self._process = await asyncio.create_subprocess_exec(
            *(str(PROGRAM), "--addr", "127.0.0.1", "--port", str(self.port), *self.options), stdout=DEVNULL, stderr=PIPE
        )
        assert self._process.stderr is not None
        said = []
        async for line in self._process.stderr:
            said.append(line)
            if READY in line:
                break
        else:
            raise AssertionError(b"".join(said).decode())

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, for example SIGSTOP and SIGCONT."""
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        """End it as a power failure would."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        # What it still had to say has to be read, or it would never count as ended.
        await self._process.communicate()


@asynccontextmanager
async def nats_server(*options: str) -> AsyncIterator[NatsServer]:
    """A server that serves, and nothing of it left at the end."""
    server = NatsServer(options)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
