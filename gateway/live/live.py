"""Serves subscriptions. Those that follow a feed share executions with equal ones; others run on their own.

A subscriber of a feed registers, catches up from its cursor at its own pace, and then joins its group. It joins once it
is not behind the group. If it is ahead, it skips what it already has. So nothing is missed or sent twice, however these
steps interleave.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Hashable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, closing
from typing import Any

import orjson

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.errors import BadRequest, Resync
from gateway.execution import Engine
from gateway.execution.complete import Answer, failed
from gateway.execution.contexts import Contexts
from gateway.execution.operation import Operation
from gateway.execution.subscribe import respond
from gateway.feed.changes import FeedCursor
from gateway.feed.hub import FeedReader
from gateway.live.counts import Counts
from gateway.live.feed import Feed
from gateway.live.group import Group
from gateway.live.key import key_of
from gateway.live.member import Ended, Member
from gateway.live.run import Caller, EventRunner, Payload
from gateway.live.sink import Sink

READY = "ready"
"""A request extension: begin with an answer that has the cursor from which nothing will be missed."""


class Live:
    """The subscriptions of one process."""

    def __init__(self, engine: Engine, contexts: Contexts) -> None:
        self.counts = Counts()
        self._engine = engine
        self._contexts = contexts
        self._groups: dict[Hashable, Group] = {}

    async def serve(
        self,
        operation: Operation,
        identity: Callable[[], Identity | None],
        client: Client,
        sink: Sink,
        *,
        after: str | None = None,
    ) -> Answer | None:
        """Run a subscription until it ends. Returns an answer that says why, or None if its source ended.

        `identity` is called for each execution, because it changes when a token is renewed. `after` is a cursor that
        overrides the argument. Raises what the sink raises.
        """
        name, running, caller = operation.name or "", self.counts.running, Caller(identity, client)
        running[name] += 1
        try:
            source = await self._begin(operation, caller, sink)
            if isinstance(source, Feed):
                last = await self._follow(operation, caller, sink, source, _cursor(after) or source.after)
            else:
                last = source
        except Ended as ended:
            last = ended.answer
        finally:
            running[name] -= 1
            if not running[name]:
                del running[name]
        if last is not None:
            self._count_errors(last)
            self.counts.resyncs += last.code == Resync.code
        return last

    async def _begin(self, operation: Operation, caller: Caller, sink: Sink) -> Feed | Answer | None:
        """The feed to follow or, for any other source, its last answer after it was served."""
        async with AsyncExitStack() as stack:
            try:
                context = await stack.enter_async_context(self._context(operation, caller))
                source = await stack.enter_async_context(self._engine.source(operation, context))
            except Exception as error:  # noqa: BLE001 - the boundary of a subscription's source
                return failed(error, operation.name)
            return source if isinstance(source, Feed) else await self._stream(operation, caller, sink, source)

    async def _stream(
        self, operation: Operation, caller: Caller, sink: Sink, source: AsyncIterable[Any]
    ) -> Answer | None:
        """Serve a source that is not shared."""
        answering = respond(operation, source, lambda: self._context(operation, caller), self._engine.run_events)
        async with aclosing(answering) as answers:
            async for answer in answers:
                if not answer.has_data:
                    return answer
                self._count_errors(answer)
                self.counts.deliveries += 1
                if not sink.push(answer.bytes(), None):
                    await sink.drained()
        return None

    async def _follow(
        self, operation: Operation, caller: Caller, sink: Sink, feed: Feed, cursor: FeedCursor | None
    ) -> Answer | None:
        key, member = key_of(operation, feed, caller.identity()), None
        while True:
            with closing(feed.hub.reader(feed.user_id, cursor)) as reader:
                await _begin_reading(reader)
                if member is None:
                    member = Member(sink, caller, reader.cursor)
                    if operation.extensions.get(READY) is True:
                        await _send_ready(member)
                async with aclosing(self._missed(key, operation, feed, reader, member)) as missed:
                    async for payloads in missed:
                        self.counts.deliveries += len(payloads)
                        await member.take(payloads)
                # There must be no await between the end of catching up and joining.
                group = self._group(key, operation, feed, member)
                group.join(member)
            await group.carry(member)
            cursor = member.cursor

    async def _missed(
        self, key: Hashable, operation: Operation, feed: Feed, reader: FeedReader, member: Member
    ) -> AsyncGenerator[list[Payload], None]:
        """Yield what a member has missed, until it can join its group."""
        runner = EventRunner(self._engine, self._contexts, operation, feed, self.counts)
        try:
            while not self._may_join(key, reader, member):
                if changes := await reader.read():
                    member.check(reader.channel, changes[0])
                    async with aclosing(runner.payloads(changes, lambda: member.caller)) as run:
                        async for payloads in run:
                            yield payloads
                    member.version = reader.cursor.version
                else:
                    await reader.moved()
        except Exception as error:  # noqa: BLE001 - the boundary of a subscription's source
            raise Ended(failed(error, operation.name)) from None

    def _may_join(self, key: Hashable, reader: FeedReader, member: Member) -> bool:
        group = self._groups.get(key)
        if group is None or group.epoch != member.epoch:
            return reader.has_all
        return member.version >= group.version

    def _group(self, key: Hashable, operation: Operation, feed: Feed, member: Member) -> Group:
        """The group that this member can join. Creates it if there is none."""
        group = self._groups.get(key)
        if group is None or group.epoch != member.epoch:
            runner = EventRunner(self._engine, self._contexts, operation, feed, self.counts)

            def forget(ended: Group) -> None:
                if self._groups.get(key) is ended:
                    del self._groups[key]

            group = self._groups[key] = Group(feed, member.cursor, runner, self.counts, forget)
        return group

    @asynccontextmanager
    async def _context(self, operation: Operation, caller: Caller) -> AsyncIterator[object]:
        context = self._contexts.open(caller.identity(), operation, caller.client)
        try:
            yield context
        finally:
            await context.release()

    def _count_errors(self, answer: Answer) -> None:
        self.counts.errors.update(error["extensions"]["code"] for error in answer.errors)


def _cursor(after: str | None) -> FeedCursor | None:
    try:
        return None if after is None else FeedCursor.read(after, "Last-Event-ID")
    except BadRequest as error:
        raise Ended(failed(error)) from None


async def _begin_reading(reader: FeedReader) -> None:
    try:
        await reader.begin()
    except Exception as error:  # noqa: BLE001 - the boundary of a subscription's source
        raise Ended(failed(error)) from None


async def _send_ready(member: Member) -> None:
    """Send the cursor from which nothing will be missed."""
    cursor = str(member.cursor)
    ready = orjson.dumps({"data": None, "extensions": {READY: {"cursor": cursor}}})
    if not member.sink.push(ready, cursor):
        await member.sink.drained()
