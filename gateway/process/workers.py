"""Several processes that serve on one port, and the supervisor that starts them, watches over them and stops them.

Each worker is a gateway of its own, with its own pool, hub and broker, and knows nothing of the others; changes go
between them as between gateways on different machines. The supervisor serves nothing. It has the database opened and
the port taken before the first worker starts, and starts another where one has died. A socket leads to each worker;
its end tells the worker to stop, so those of a supervisor that was killed stop as well.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import orjson
import structlog

from gateway.config import PREFIX, Settings
from gateway.http.seats.stopping import LONGEST_SPREAD_SECONDS
from gateway.http.shared_port import SharedPort, close
from gateway.monitoring.metrics import Sample
from gateway.process.worker import SERVES, Order
from gateway.refusal import Refusal

MOST_FAILURES = 3
"""So many deaths of one worker in a row, before it has served, end everything: unless others serve meanwhile."""
STEADY_SECONDS = 30
"""A worker that served for so long did not die of its start."""
LONGEST_PAUSE_SECONDS = 30.0
OVERTIME_SECONDS = LONGEST_SPREAD_SECONDS + 15
"""For closing sockets and connections, beyond the time that running requests have."""
ANSWER_SECONDS = 3
LONGEST_ANSWER = 1024 * 1024

DOWN: Sequence[Sample] = [("parley_worker_up", "", {}, 0)]
STARTS = ("parley_worker_starts", "_total", dict[str, str]())

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Worker:
    """A process that was started to serve."""

    process: Process
    _answers: asyncio.StreamReader
    _orders: asyncio.StreamWriter
    _questions: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    async def start(cls, number: int, settings: Settings, database_url: str, sockets: list[socket.socket]) -> Worker:
        """Start a process and tell it what to serve."""
        ours, theirs = socket.socketpair()
        order = Order.of(number, settings, database_url, sockets)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *_command(theirs.fileno(), settings.log_format),
                pass_fds=(theirs.fileno(), *order.sockets),
                env={name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)},
                stdin=DEVNULL,
                # Ctrl-C in a terminal is for the supervisor alone.
                start_new_session=True,
            )
        answers, orders = await asyncio.open_unix_connection(sock=ours, limit=LONGEST_ANSWER)
        orders.write(order.line())
        return cls(process, answers, orders)

    async def serves(self) -> bool:
        """Wait until it serves; False when it ended before."""
        return await self._read() == SERVES

    async def ask(self) -> Sequence[Sample]:
        """What it counted; that it is down if it does not answer in time."""
        async with self._turn:
            self._questions += 1
            self._orders.write(b"%d\n" % self._questions)
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    while line := await self._read():
                        question, answer = orjson.loads(line)
                        if question == self._questions:  # and not an earlier one, whose answer came too late
                            found: list[Sample] = answer
                            return found
        return DOWN

    def dismiss(self) -> None:
        """Tell it to stop in good order."""
        self._orders.close()

    async def kill(self) -> None:
        """End it at once, if it has not ended."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        self._orders.close()

    async def _read(self) -> bytes:
        try:
            return await self._answers.readline()
        except ConnectionError:
            return b""


class Workers:
    """The workers of one supervisor, by number. They run for as long as `supervised` does."""

    def __init__(self, settings: Settings, database_url: str) -> None:
        self.port = SharedPort.reserve(settings.host, settings.port)
        self.serving: dict[int, Worker] = {}
        self.starts = dict.fromkeys(range(1, settings.workers + 1), 0)
        """How often each one was started."""
        self._settings = settings
        self._database_url = database_url
        self._started: set[Worker] = set()
        self._sockets: dict[int, list[socket.socket]] = {}
        self._complete = asyncio.Event()
        self._stopping = asyncio.Event()

    async def all_serve(self) -> None:
        """Return once every worker has begun to serve."""
        await self._complete.wait()

    async def keep(self, number: int) -> None:
        """Have one worker serve until it is time to stop. Raises `Refusal` when it cannot be started."""
        sockets = self._sockets[number] = self.port.listen()
        failures = 0
        try:
            while not self._stopping.is_set():
                life = await self._live(number, sockets)
                if self._stopping.is_set():
                    return
                failures = 1 if life.served and life.seconds > STEADY_SECONDS else failures + 1
                self._refuse_to_go_on(number, life, failures)
                log.error("worker_died", worker=number, how=life.end, again_in_seconds=_pause(failures))
                if _pause(failures):
                    # Its share of the connections goes to the others for as long as it takes.
                    close(sockets)
                    await self._stopped_within(_pause(failures))
                    sockets = self._sockets[number] = self.port.listen()
        finally:
            close(sockets)

    async def collect(self) -> dict[int, list[Sample]]:
        """What each worker counted, and of each how often it was started."""
        asked = dict(self.serving)
        answers = await asyncio.gather(*(worker.ask() for worker in asked.values()))
        found = {**dict.fromkeys(self.starts, DOWN), **dict(zip(asked, answers, strict=True))}
        return {number: [*found[number], (*STARTS, count)] for number, count in self.starts.items()}

    async def stop(self, keepers: list[asyncio.Task[None]]) -> None:
        """Let all finish what they do, but not for ever."""
        self._stopping.set()
        for worker in self._started:
            worker.dismiss()
        for number in self.serving:
            # Where only we still listened, whoever connects would wait for nobody.
            close(self._sockets[number])
        patience = self._settings.drain_seconds + self._settings.shutdown_seconds + OVERTIME_SECONDS
        _, late = await asyncio.wait(keepers, timeout=patience)
        for keeper in late:
            log.error("worker_killed", reason="it did not stop in time")
            keeper.cancel()

    async def _live(self, number: int, sockets: list[socket.socket]) -> _Life:
        """One process, from its start to its end."""
        began, again = time.monotonic(), self.starts[number] > 0
        self.starts[number] += 1
        worker = await Worker.start(number, self._settings, self._database_url, sockets)
        self._started.add(worker)
        try:
            if self._stopping.is_set():
                worker.dismiss()
            if served := await worker.serves():
                self._serves(number, worker, again=again)
            status = await worker.process.wait()
        finally:
            self.serving.pop(number, None)
            self._started.discard(worker)
            await worker.kill()
        return _Life(served, time.monotonic() - began, status)

    def _serves(self, number: int, worker: Worker, *, again: bool) -> None:
        self.serving[number] = worker
        if len(self.serving) == len(self.starts):
            self._complete.set()
        if again:
            log.warning("worker_serves_again", worker=number)

    def _refuse_to_go_on(self, number: int, life: _Life, failures: int) -> None:
        others_serve = self._complete.is_set() and self.serving
        if not life.served and failures >= MOST_FAILURES and not others_serve:
            raise Refusal(f"Worker {number} does not start: {life.end}, {failures} times in a row. See above why.")

    async def _stopped_within(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


@asynccontextmanager
async def supervised(settings: Settings, database_url: str) -> AsyncIterator[Workers]:
    """Workers that serve for as long as the block runs. Cancelled, they are killed; else they finish what they do.

    Raises `Refusal` when the port is taken, or when a worker dies again and again before it serves.
    """
    workers = Workers(settings, database_url)
    try:
        async with asyncio.TaskGroup() as group:
            keepers = [group.create_task(workers.keep(number)) for number in workers.starts]
            await workers.all_serve()
            yield workers
            await workers.stop(keepers)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


@dataclass(frozen=True, slots=True)
class _Life:
    """What became of a process."""

    served: bool
    seconds: float
    status: int

    @property
    def end(self) -> str:
        """How it ended."""
        return f"killed by {signal.Signals(-self.status).name}" if self.status < 0 else f"exit status {self.status}"


def _command(descriptor: int, log_format: str) -> list[str]:
    # A worker must import what we did: from the working directory only if we do.
    unsafe = [] if os.getcwd() in sys.path else ["-P"]
    return [sys.executable, *unsafe, "-m", "gateway.process.worker", str(descriptor), log_format]


def _pause(failures: int) -> float:
    """Seconds until the next start: none after the first failure in a row, then 1, 2, 4 and so on."""
    return min(2.0 ** (failures - 2), LONGEST_PAUSE_SECONDS) if failures > 1 else 0.0
