"""The supervisor of several worker processes that serve on one port.

Each worker is a complete gateway with its own pool, hub and broker, and does not know the others; changes travel
between them as between gateways on different machines. The supervisor serves no requests. It opens the database and
reserves the port before the first worker starts, and replaces workers that die. It has a socket to each worker. Closing
it stops the worker, so workers also stop if the supervisor is killed.
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
"""If a worker dies this often in a row before it has served, the supervisor gives up, unless other workers serve."""
STEADY_SECONDS = 30
"""A worker that served for this long did not die of a failed start."""
LONGEST_PAUSE_SECONDS = 30.0
OVERTIME_SECONDS = LONGEST_SPREAD_SECONDS + 15
"""Time for closing sockets and connections, after the time for running requests."""
ANSWER_SECONDS = 3
LONGEST_ANSWER = 1024 * 1024

DOWN: Sequence[Sample] = [("parley_worker_up", "", {}, 0)]
STARTS = ("parley_worker_starts", "_total", dict[str, str]())

log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Worker:
    """A worker process, as seen by the supervisor."""

    process: Process
    _answers: asyncio.StreamReader
    _orders: asyncio.StreamWriter
    _questions: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    async def start(cls, number: int, settings: Settings, database_url: str, sockets: list[socket.socket]) -> Worker:
        """Start a process and send it its order."""
        ours, theirs = socket.socketpair()
        order = Order.of(number, settings, database_url, sockets)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *_command(theirs.fileno(), settings.log_format),
                pass_fds=(theirs.fileno(), *order.sockets),
                env={name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)},
                stdin=DEVNULL,
                # Ctrl-C in a terminal must only reach the supervisor.
                start_new_session=True,
            )
        answers, orders = await asyncio.open_unix_connection(sock=ours, limit=LONGEST_ANSWER)
        orders.write(order.line())
        return cls(process, answers, orders)

    async def serves(self) -> bool:
        """Wait until it serves. Returns False if it ends before."""
        return await self._read() == SERVES

    async def ask(self) -> Sequence[Sample]:
        """Read its metrics. Returns `DOWN` if it does not answer in time."""
        async with self._turn:
            self._questions += 1
            self._orders.write(b"%d\n" % self._questions)
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    while line := await self._read():
                        question, answer = orjson.loads(line)
                        if question == self._questions:  # not the late answer to an earlier question
                            samples: list[Sample] = answer
                            return samples
        return DOWN

    def dismiss(self) -> None:
        """Tell it to stop gracefully."""
        self._orders.close()

    async def kill(self) -> None:
        """Kill it if it is still running."""
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
    """The workers of a supervisor, by number. They run for the duration of `supervised`."""

    def __init__(self, settings: Settings, database_url: str) -> None:
        self.port = SharedPort.reserve(settings.host, settings.port)
        self.serving: dict[int, Worker] = {}
        self.starts = dict.fromkeys(range(1, settings.workers + 1), 0)
        """Number of starts of each worker."""
        self._settings = settings
        self._database_url = database_url
        self._started: set[Worker] = set()
        self._sockets: dict[int, list[socket.socket]] = {}
        self._complete = asyncio.Event()
        self._stopping = asyncio.Event()

    async def all_serve(self) -> None:
        """Wait until every worker serves."""
        await self._complete.wait()

    async def keep(self, number: int) -> None:
        """Keep one worker running until shutdown. Raises `Refusal` if it cannot be started."""
        sockets = self._sockets[number] = self.port.listen()
        failures = 0
        try:
            while not self._stopping.is_set():
                life = await self._live(number, sockets)
                if self._stopping.is_set():
                    return
                failures = 1 if life.served and life.seconds > STEADY_SECONDS else failures + 1
                self._refuse_repeated_failure(number, life, failures)
                log.error("worker_died", worker=number, how=life.end, again_in_seconds=_pause(failures))
                if _pause(failures):
                    # Meanwhile the kernel sends its share of new connections to the other workers.
                    close(sockets)
                    await self._stopped_within(_pause(failures))
                    sockets = self._sockets[number] = self.port.listen()
        finally:
            close(sockets)

    async def collect(self) -> dict[int, list[Sample]]:
        """Read the metrics of all workers, including their numbers of starts."""
        asked = dict(self.serving)
        answers = await asyncio.gather(*(worker.ask() for worker in asked.values()))
        samples = {**dict.fromkeys(self.starts, DOWN), **dict(zip(asked, answers, strict=True))}
        return {number: [*samples[number], (*STARTS, count)] for number, count in self.starts.items()}

    async def stop(self, keepers: list[asyncio.Task[None]]) -> None:
        """Stop all workers gracefully. Those that take too long are killed."""
        self._stopping.set()
        for worker in self._started:
            worker.dismiss()
        for number in self.serving:
            # If only the supervisor still had these sockets open, clients would connect but never be accepted.
            close(self._sockets[number])
        patience = self._settings.drain_seconds + self._settings.shutdown_seconds + OVERTIME_SECONDS
        _, late = await asyncio.wait(keepers, timeout=patience)
        for keeper in late:
            log.error("worker_killed", reason="it did not stop in time")
            keeper.cancel()

    async def _live(self, number: int, sockets: list[socket.socket]) -> _Life:
        """Run one worker process from start to end."""
        began, again = time.monotonic(), self.starts[number] > 0
        self.starts[number] += 1
        worker = await Worker.start(number, self._settings, self._database_url, sockets)
        self._started.add(worker)
        try:
            if self._stopping.is_set():
                worker.dismiss()
            if served := await worker.serves():
                self._has_begun_to_serve(number, worker, again=again)
            status = await worker.process.wait()
        finally:
            self.serving.pop(number, None)
            self._started.discard(worker)
            await worker.kill()
        return _Life(served, time.monotonic() - began, status)

    def _has_begun_to_serve(self, number: int, worker: Worker, *, again: bool) -> None:
        self.serving[number] = worker
        if len(self.serving) == len(self.starts):
            self._complete.set()
        if again:
            log.warning("worker_serves_again", worker=number)

    def _refuse_repeated_failure(self, number: int, life: _Life, failures: int) -> None:
        others_serve = self._complete.is_set() and self.serving
        if not life.served and failures >= MOST_FAILURES and not others_serve:
            raise Refusal(f"Worker {number} failed to start {failures} times in a row: {life.end}. See the log above.")

    async def _stopped_within(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


@asynccontextmanager
async def supervised(settings: Settings, database_url: str) -> AsyncIterator[Workers]:
    """Run workers for the duration of the block. They stop gracefully, but are killed if this is cancelled.

    Raises `Refusal` if the port is in use, or if a worker repeatedly dies before it serves.
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
    """How a worker process ran and ended."""

    served: bool
    seconds: float
    status: int

    @property
    def end(self) -> str:
        """How it ended."""
        return f"killed by {signal.Signals(-self.status).name}" if self.status < 0 else f"exit status {self.status}"


def _command(descriptor: int, log_format: str) -> list[str]:
    # A worker must import the same code: from the working directory only if this process does.
    unsafe = [] if os.getcwd() in sys.path else ["-P"]
    return [sys.executable, *unsafe, "-m", "gateway.process.worker", str(descriptor), log_format]


def _pause(failures: int) -> float:
    """Seconds until the next start: 0 after the first consecutive failure, then 1, 2, 4 and so on."""
    return min(2.0 ** (failures - 2), LONGEST_PAUSE_SECONDS) if failures > 1 else 0.0
