"""Writers and followers at one gateway or several while something goes wrong, and what came of it."""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import asyncpg

from tests.faults.chance import SEED, dice
from tests.faults.clients.follower import Follower
from tests.faults.clients.subscription import Connections
from tests.faults.clients.writer import Manners, Writer
from tests.faults.history import Stored, Write
from tests.faults.report.account import Account
from tests.kit.serving import Client

CONVERSATIONS = 2
"""Of each user."""

STORED = """
SELECT
  coalesce(c.version, 0), split_part(m.content, ' ', 1), m.conversation_id::text, m.seq,
  extract(epoch FROM c.at)::float8
FROM parley.messages AS m
LEFT JOIN parley.changes AS c
  ON c.user_id = m.user_id AND c.entity_id = m.id AND c.entity = 'messages' AND c.op = 'insert'
WHERE m.user_id = $1
"""

_STUCK_SECONDS = 60
_LOOK_SECONDS = 2
_POLL_SECONDS = 0.02


class Stage(Protocol):
    """The gateways that a play is on, and their database."""

    async def signed_up(self) -> Client:
        """A new user, with an HTTP session to use."""

    def any_url(self, dice: random.Random) -> str:
        """Where to reach a gateway."""

    def answered(self, url: str) -> None:
        """Told at once where a write was acknowledged."""

    async def heal(self) -> None:
        """Let everything run and everybody in."""

    async def connect(self) -> asyncpg.Connection:
        """A connection of the superuser to the database."""


@dataclass(frozen=True, slots=True)
class Cast:
    """How many take part, and how they behave."""

    users: int = 3
    writers: int = 16
    followers: int = 30
    stalled: int = 0
    """Of the followers, those that do not read until they are let."""
    hops_after: int = 0
    manners: Manners = field(default_factory=Manners)
    patience_seconds: float = 5


@dataclass(slots=True)
class Part:
    """What one user's devices do: some write, others follow."""

    user: Client
    conversations: list[str]
    writers: list[Writer]
    followers: list[Follower]

    @property
    def writes(self) -> list[Write]:
        """What the writers did."""
        return [write for writer in self.writers for write in writer.writes]

    async def end(self) -> None:
        """Write the last message of all, to the conversation that everybody follows."""
        writer = self.writers[-1]
        writer.conversation = self.conversations[-1]
        await writer.add(end_of(writer.conversation), sure=True)


@dataclass(slots=True)
class Play:
    """A run: what it is called, who takes part, and what came of it."""

    name: str
    stage: Stage
    parts: list[Part]
    counts: Counter[str] = field(default_factory=Counter)
    """What was done, and how often."""
    figures: dict[str, str] = field(default_factory=dict)
    """What else was measured."""
    progress: Callable[[str], None] = lambda line: None
    _began: float = field(default_factory=time.monotonic)

    @property
    def writers(self) -> list[Writer]:
        return [writer for part in self.parts for writer in part.writers]

    @property
    def followers(self) -> list[Follower]:
        return [follower for part in self.parts for follower in part.followers]

    @property
    def written(self) -> int:
        """How many writes are over."""
        return sum(len(writer.writes) for writer in self.writers)

    @property
    def delivered(self) -> int:
        """How many events were seen."""
        return sum(len(follower.seen) for follower in self.followers)

    @property
    def seconds(self) -> float:
        """How long it has gone on."""
        return time.monotonic() - self._began

    async def perform(self, harm: Awaitable[None], enough: Callable[[], bool] = lambda: True) -> None:
        """Write and follow until the harm is done and there is enough; then heal, and let everybody come to the end."""
        async with asyncio.TaskGroup() as everything:
            watching = everything.create_task(self._watch())
            async with asyncio.TaskGroup() as following:
                for follower in self.followers:
                    following.create_task(follower.follow())
                await self._write(harm, enough)
                await self.stage.heal()
                await asyncio.gather(*(part.end() for part in self.parts))
            watching.cancel()

    async def until_written(self, count: int) -> None:
        """Return when so many writes are over."""
        while self.written < count:  # noqa: ASYNC110 - the writers tell nobody
            await asyncio.sleep(_POLL_SECONDS)

    async def judge(self) -> Account:
        """Compare what everybody did and saw with what the database has."""
        account = Account(self.name, self.seconds, self._counts(), self.figures)
        connection = await self.stage.connect()
        try:
            for part in self.parts:
                views = [follower.view() for follower in part.followers]
                account.add(part.writes, await stored(connection, part.user), views)
        finally:
            await connection.close()
        return account

    async def _write(self, harm: Awaitable[None], enough: Callable[[], bool]) -> None:
        over = False
        async with asyncio.TaskGroup() as writing:
            for writer in self.writers:
                writing.create_task(writer.write(lambda: over and enough()))
            await harm
            over = True

    async def _watch(self) -> None:
        """Tell how it goes, and end it all when nothing moves any more."""
        before, since = -1, time.monotonic()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            done = self.written + self.delivered
            if done != before:
                before, since = done, time.monotonic()
            told = f"{self.seconds:4.0f} s: {self.written:,} writes, {self.delivered:,} events, {self._counts()}"
            self.progress(told)
            if time.monotonic() - since > _STUCK_SECONDS:
                raise AssertionError(f"nothing moves any more: {told}")

    def _counts(self) -> Mapping[str, int]:
        connections = sum(follower.connections.count for follower in self.followers)
        resent = sum(writer.attempts.failed for writer in self.writers)
        return {**self.counts, "connections": connections, "writes sent again": resent}


async def stored(connection: asyncpg.Connection, user: Client) -> list[Stored]:
    """The user's messages, as the database has them."""
    return [Stored(*row) for row in await connection.fetch(STORED, user.user_id)]


async def played(stage: Stage, name: str, cast: Cast, seed: int = SEED) -> Play:
    """A play with so many users, none of whom has written anything yet."""
    parts = [await _part(stage, cast, number, seed) for number in range(cast.users)]
    return Play(name, stage, parts)


async def _part(stage: Stage, cast: Cast, number: int, seed: int) -> Part:
    user = await stage.signed_up()
    conversations = [(await user.make("createConversation", "conversation"))["id"] for _ in range(CONVERSATIONS)]
    cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]

    def writer(index: int) -> Writer:
        own = dice(f"writer {index}", seed)
        conversation = conversations[index // cast.users % CONVERSATIONS]
        url = functools.partial(stage.any_url, own)
        return Writer(user, conversation, f"writer-{index}", url, own, cast.manners, stage.answered)

    def follower(index: int) -> Follower:
        own = dice(f"follower {index}", seed)
        # Most follow everything, and some one conversation.
        only = None if index // cast.users % 4 else conversations[-1]
        return Follower(
            client=user,
            name=f"follower-{index}",
            cursor=cursor,
            end=end_of(conversations[-1]),
            url=functools.partial(stage.any_url, own),
            dice=own,
            conversation=only,
            hops_after=cast.hops_after,
            connections=Connections(cast.patience_seconds),
            reads=asyncio.Event() if index < cast.stalled else None,
        )

    writers = [writer(index) for index in range(number, cast.writers, cast.users)]
    return Part(user, conversations, writers, [follower(index) for index in range(number, cast.followers, cast.users)])


def end_of(conversation: str) -> str:
    """The last value of a conversation."""
    return f"end-of-{conversation}"
