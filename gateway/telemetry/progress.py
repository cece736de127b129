"""Shows the progress of slow steps: a spinner or a bar in a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from gateway.telemetry.log import writes_json

REPEAT_SECONDS = 2.5
"""Interval of the log lines while a step is running."""

Advance = Callable[[int], None]
"""Reports that this many more units of work are done."""

log = structlog.stdlib.get_logger(__name__)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show `text` while the block runs, and then how long it took.

    It is written to standard error, so that a command's output can be piped. A failed step prints no final line,
    because the error itself is reported.
    """
    console = _console()
    started = perf_counter()
    if _in_a_terminal(console):
        with console.status(text):
            yield
        _done(console, text, started)
    else:
        with _logged(text, started, dict):
            yield


@contextmanager
def unless_quick(text: str) -> Iterator[None]:
    """Show `text` only if the block takes noticeably long. Leaves no trace otherwise."""
    console = _console()
    if _in_a_terminal(console):
        with console.status(text):
            yield
    else:
        with _log_while_running(text, perf_counter(), dict):
            yield


@contextmanager
def bar(text: str, total: int) -> Iterator[Advance]:
    """Show how much of `total` is done while the block runs. The function it yields may be called from any thread."""
    console = _console()
    started = perf_counter()
    if _in_a_terminal(console):
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(text, total=max(total, 1))
            yield lambda amount: progress.advance(task, amount)
        _done(console, text, started)
    else:
        done = 0

        def advance(amount: int) -> None:
            nonlocal done
            done += amount

        with _logged(text, started, lambda: {"percent": min(100, 100 * done // max(total, 1))}):
            yield advance


def tell(text: str, level: int = logging.INFO) -> None:
    """Print a message for the person who runs the command, on standard error, whatever the log level.

    It is plain text or, if logs are JSON, a log line in JSON.
    """
    if writes_json():
        logger = logging.getLogger("gateway")
        logger.handle(logger.makeRecord(logger.name, level, __file__, 0, text.strip(), (), None))
    else:
        print(text, file=sys.stderr, flush=True)


@contextmanager
def _logged(text: str, started: float, facts: Callable[[], dict[str, int]]) -> Iterator[None]:
    """Log the beginning and the end of a block, and a line every few seconds in between."""
    log.info(text)
    with _log_while_running(text, started, facts):
        yield
    log.info(f"{text} done", seconds=_seconds_since(started))


@contextmanager
def _log_while_running(text: str, started: float, facts: Callable[[], dict[str, int]]) -> Iterator[None]:
    """Log every few seconds that a block is still running."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(REPEAT_SECONDS):
            log.info(f"{text} (still running)", **facts(), seconds=_seconds_since(started))

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _console() -> Console:
    return Console(stderr=True, highlight=False)


def _in_a_terminal(console: Console) -> bool:
    return console.is_terminal and not writes_json()


def _done(console: Console, text: str, started: float) -> None:
    console.print(f"[green]✓[/green] {text} [dim]{_seconds_since(started)} s[/dim]")


def _seconds_since(started: float) -> float:
    return round(perf_counter() - started, 1)
