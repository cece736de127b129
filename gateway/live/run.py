"""Runs a subscription on changes of the feed, and encodes the answer to each once."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import NamedTuple

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.errors import Overloaded, TimedOut, TooLarge, Unavailable
from gateway.execution import Engine
from gateway.execution.complete import Answer
from gateway.execution.contexts import Contexts
from gateway.execution.operation import Operation
from gateway.execution.subscribe import Ran
from gateway.feed.changes import Change
from gateway.live.counts import Counts
from gateway.live.feed import Feed

FIRST_AT_ONCE = 5
"""Events in the first execution, when the size of their answers is unknown. Each follower that lags holds them all."""
MOST_AT_ONCE = 200
"""Maximum events in one execution, for many events with small answers."""
ROOM_BYTES = 256 * 1024
"""Executions grow while the encoded answers of the last one are well below this, and shrink above it."""
PATIENCE_SECONDS = 10.0
"""How long an event is retried while the database is unavailable or overloaded."""
RETRY_SECONDS = 0.5


class Caller(NamedTuple):
    """On whose behalf an operation runs."""

    identity: Callable[[], Identity | None]
    """Called for each execution, because it changes when a token is renewed."""
    client: Client


class Payload(NamedTuple):
    """The answer to one event."""

    version: int
    cursor: str
    at: datetime.datetime
    """When the change was written, by the database's clock."""
    content: bytes
    """The encoded answer."""


class EventRunner:
    """Runs one operation on the changes of one feed."""

    def __init__(self, engine: Engine, contexts: Contexts, operation: Operation, feed: Feed, counts: Counts) -> None:
        self._engine = engine
        self._contexts = contexts
        self._operation = operation
        self._feed = feed
        self._counts = counts
        self._at_once = FIRST_AT_ONCE
        self.unread = engine.unread
        """Each user's share of unread bytes."""

    async def payloads(
        self, changes: Sequence[Change], caller: Callable[[], Caller]
    ) -> AsyncGenerator[list[Payload], None]:
        """Yield the answers to the changes that cause events, in batches, in order.

        An event that cannot be read at the moment is retried, and later ones wait for it. Raises its error if that
        persists, and any other error of an execution.
        """
        left = self._feed.pick(changes)
        patience = Patience()
        while left:
            try:
                ran = await self._run(left[: self._at_once], caller())
            except TooLarge:
                if min(self._at_once, len(left)) == 1:
                    raise
                self._at_once = 1  # each may be small enough on its own
                continue
            made = [_payload(change, answer) for change, answer in zip(left, ran.answers, strict=False)]
            spoilt, held = ran.spoilt, ran.held
            del left[: len(made)], ran  # release everything else while a slow client reads the payloads
            if held is not None:
                held.take(sum(len(payload.content) for payload in made))
            if made:
                patience = Patience()
                yield made
            if spoilt is not None:
                await patience.wait(spoilt)
            else:
                self._adapt(made)

    async def _run(self, changes: Sequence[Change], caller: Caller) -> Ran:
        self._counts.executions += 1
        context = self._contexts.open(caller.identity(), self._operation, caller.client)
        try:
            ran = await self._engine.run_events(self._operation, context, list(map(self._feed.event, changes)))
        except (Overloaded, Unavailable) as error:
            return Ran([], _without_traceback(error))
        finally:
            await context.release()
        if ran.held is not None:
            for answer in ran.answers:
                await self._engine.write(answer, self._feed.user_id)
        self._counts.errors.update(error["extensions"]["code"] for answer in ran.answers for error in answer.errors)
        return ran

    def _adapt(self, made: Sequence[Payload]) -> None:
        size = sum(len(payload.content) for payload in made)
        if size > ROOM_BYTES:
            self._at_once = max(1, self._at_once // 2)
        elif len(made) == self._at_once and size < ROOM_BYTES // 4:
            self._at_once = min(MOST_AT_ONCE, self._at_once * 2)


class Patience:
    """Limits how long something is retried, from its first failure on."""

    def __init__(self) -> None:
        self._until: float | None = None

    async def wait(self, error: Exception) -> None:
        """Wait before a retry. Raises the error if waiting is useless."""
        now = asyncio.get_running_loop().time()
        if self._until is None:
            self._until = now + PATIENCE_SECONDS
        if now > self._until or isinstance(_cause(error), TimedOut):
            raise error
        await asyncio.sleep(RETRY_SECONDS)


def _without_traceback(error: Exception) -> Exception:
    """Remove an error's traceback, whose frames hold the rows that were read and form a reference cycle."""
    error.__context__ = None
    return error.with_traceback(None)


def _cause(error: Exception) -> BaseException:
    return getattr(error, "original_error", None) or error


def _payload(change: Change, answer: Answer) -> Payload:
    return Payload(change.version, change.cursor, change.at, answer.bytes())
