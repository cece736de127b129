"""A group: all members with equal subscriptions, served by one execution.

The group follows the feed, runs the operation once on each batch of changes, and pushes every answer to all members in
one loop, without a task switch or a wait per member. Answers for members whose buffers are full are kept in a bounded
log that these members share. A member that falls behind the log leaves the group and reads the feed again at its own
pace.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime

from gateway.errors import Resync
from gateway.execution.complete import Answer, failed
from gateway.feed.changes import FeedCursor, resync
from gateway.live.counts import Counts
from gateway.live.feed import Feed
from gateway.live.member import Ended, Member
from gateway.live.run import Caller, EventRunner, Payload

MOST_KEPT = 256
"""Answers kept for members whose buffers are full."""
MOST_KEPT_BYTES = 1024 * 1024


class Group:
    """Serves its members until the last one leaves."""

    def __init__(
        self, feed: Feed, cursor: FeedCursor, runner: EventRunner, counts: Counts, retire: Callable[[Group], None]
    ) -> None:
        """Start after a cursor that the hub's channel knows. `retire` is called when members can no longer join."""
        self.epoch = cursor.epoch
        self.version = cursor.version
        """A subscriber with a lower version has missed something."""
        self._runner = runner
        self._counts = counts
        self._retire = retire
        self._flowing: dict[Member, None] = {}
        self._full: set[Member] = set()
        self._log: deque[Payload] = deque()
        self._log_bytes = 0
        self._log_held = runner.unread.hold(feed.user_id)
        self._error: Exception | None = None
        self._last: Answer | None = None
        self._reader = feed.hub.reader(feed.user_id, cursor)
        self._task = asyncio.create_task(self._run())
        counts.groups += 1

    def join(self, member: Member) -> None:
        """Add a member, which must not be behind the group."""
        self._flowing[member] = None
        member.paused = asyncio.get_running_loop().create_future()
        member.was_live = True
        self._counts.live += 1

    async def carry(self, member: Member) -> None:
        """Serve a member that has joined. Returns when it fell behind the log and must read the feed again.

        Raises `Ended` if the feed can no longer be followed, and what the sink raises.
        """
        try:
            while member.paused is not None:
                await member.paused
                self._raise_for(member)
                while member in self._full:
                    await member.sink.drained()
                    self._raise_for(member)
                    self._resume(member)
                if member not in self._flowing:
                    # Wait for room before reading what it missed.
                    await member.sink.drained()
                    return
        finally:
            self._counts.live -= 1
            member.paused = None
            self._leave(member)
            if not self._has_members:
                await asyncio.wait([self._task])

    @property
    def _has_members(self) -> bool:
        return bool(self._flowing or self._full)

    async def _run(self) -> None:
        try:
            while self._has_members:
                if not await self._serve():
                    await self._reader.moved()
        except Exception as error:  # noqa: BLE001 - the boundary of a subscription's source
            self._end(error)

    async def _serve(self) -> bool:
        """Run the operation on new changes and deliver the answers. Returns False if there are none.

        A separate method, so that its data is released while the group waits.
        """
        changes = await self._reader.read()
        if not changes:
            return False
        async with aclosing(self._runner.payloads(changes, self._caller)) as run:
            async for payloads in run:
                self._deliver(payloads)
                if not self._has_members:
                    return True
        self.version = self._reader.cursor.version
        return True

    def _caller(self) -> Caller:
        """Any member's caller: the operation cannot tell them apart."""
        return next(iter(self._flowing or self._full)).caller

    def _deliver(self, payloads: list[Payload]) -> None:
        now = datetime.now(UTC)
        for payload in payloads:
            count = self._push(payload)
            self._counts.delivered(count, (now - payload.at).total_seconds())

    def _push(self, payload: Payload) -> int:
        """Write a payload to all members that have room, and return their number."""
        version, content, cursor = payload.version, payload.content, payload.cursor
        count, full = 0, []
        for member in self._flowing:
            if member.version < version:
                member.version = version
                count += 1
                try:
                    room = member.sink.push(content, cursor)
                except Exception as error:  # noqa: BLE001 - the boundary of a transport: it must not affect other members
                    member.failure = error
                    room = False
                if not room:
                    full.append(member)
        if self._full:
            self._keep(payload)
        for member in full:
            del self._flowing[member]
            self._full.add(member)
            member.pause()
        self.version = version
        return count

    def _keep(self, payload: Payload) -> None:
        self._log.append(payload)
        self._log_bytes += len(payload.content)
        dropped = 0
        while (
            len(self._log) > MOST_KEPT or self._log_bytes > MOST_KEPT_BYTES or not self._log_held.take(self._log_bytes)
        ):
            oldest = self._log.popleft()
            self._log_bytes -= len(oldest.content)
            dropped = oldest.version
        if dropped:
            for member in [member for member in self._full if member.version < dropped]:
                self._counts.drops += 1
                self._leave(member)

    def _resume(self, member: Member) -> None:
        """Write a member's payloads from the log while it has room. Once it has all, it is served live again."""
        if member not in self._full:
            return
        now = datetime.now(UTC)
        for payload in self._log:
            if payload.version > member.version:
                member.version = payload.version
                self._counts.delivered(1, (now - payload.at).total_seconds())
                if not member.sink.push(payload.content, payload.cursor):
                    return
        self._full.discard(member)
        self._flowing[member] = None
        member.paused = asyncio.get_running_loop().create_future()
        self._forget()

    def _leave(self, member: Member) -> None:
        self._flowing.pop(member, None)
        self._full.discard(member)
        self._forget()
        if not self._has_members:
            self._stop()

    def _forget(self) -> None:
        if not self._full:
            self._log.clear()
            self._log_bytes = 0
            self._log_held.take(0)

    def _stop(self) -> None:
        if self._reader.is_open:
            self._reader.close()
            self._counts.groups -= 1
            self._task.cancel()
            self._retire(self)

    def _end(self, error: Exception) -> None:
        self._error, self._last = error, None if isinstance(error, Resync) else failed(error)
        self._retire(self)
        for member in self._flowing:
            member.pause()

    def _raise_for(self, member: Member) -> None:
        """Raise the error that ended a member, if any."""
        if member.failure is not None:
            raise member.failure
        if self._error is not None:
            # A `Resync` contains the member's own cursor.
            raise Ended(self._last or failed(resync(member.cursor)))
