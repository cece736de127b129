"""One user's objects of several types, changed while something goes wrong: whoever follows all changes misses none."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tests.faults.chance import dice
from tests.faults.clients.attempt import Attempts
from tests.faults.clients.follower import Follower
from tests.faults.clients.subscription import RETRY_SECONDS, Connections
from tests.faults.history import Stored, Verdict, check_views
from tests.faults.play import Stage
from tests.faults.report.account import Account
from tests.kit.serving import Client

CHANGES = """
subscription($after: Cursor) {
  changes(after: $after) { cursor op id node { version ... on Conversation { title } ... on Message { content } } }
}
"""
PAGE = """
query($after: Cursor) {
  changes(after: $after, first: 20) {
    nodes { id node { version } } pageInfo { endCursor hasNextPage }
  }
}
"""
_STORED = """
SELECT version, entity_id::text, op, extract(epoch FROM at)::float8 FROM parley.changes
WHERE user_id = $1 AND version > $2 ORDER BY version
"""
_TABLES = "SELECT DISTINCT entity FROM parley.changes WHERE user_id = $1"
_OPS = {"insert": "CREATED", "update": "UPDATED", "delete": "DELETED", "restore": "RESTORED"}

_EDITORS = 3
_FOLLOWERS = 4
_COPIES = 2


@dataclass(slots=True)
class Editor:
    """Creates, updates, deletes and restores conversations, messages and tool executions."""

    client: Client
    url: Callable[[], str]
    dice: random.Random
    attempts: Attempts = field(default_factory=Attempts)
    acknowledged: list[tuple[str, int]] = field(default_factory=list)
    """The id and version of each object that was returned."""
    conversations: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    async def edit(self, enough: asyncio.Event) -> None:
        """Edit until there is enough."""
        while not enough.is_set():
            await self._edit_once()
            await asyncio.sleep(0.02)

    async def _edit_once(self) -> None:
        verb = self.dice.choice(("create", "add", "add", "propose", "update", "delete", "restore"))
        if verb == "create" or not self.conversations:
            await self.create(self._new_id())
        elif verb == "add" or not self.messages:
            id, conversation = self._new_id(), self.dice.choice(self.conversations)
            if await self.make(
                "addMessage", "message", id=id, conversationId=conversation, role="USER", content="Something"
            ):
                self.messages.append(id)
        elif verb == "propose":
            message, tool = self.dice.choice(self.messages), self._new_id()
            await self.make("proposeToolExecution", "toolExecution", id=tool, messageId=message, toolName="look")
        else:
            of, ids = self.dice.choice((("Conversation", self.conversations), ("Message", self.messages)))
            title, tokens = f"Title {self.dice.randrange(9)}", self.dice.randrange(9)
            values: dict[str, Any] = {"title": title} if of == "Conversation" else {"tokenCount": tokens}
            await self.make(f"{verb}{of}", of.lower(), id=self.dice.choice(ids), **(values if verb == "update" else {}))

    async def create(self, id: str) -> None:
        """Create a conversation."""
        if await self.make("createConversation", "conversation", id=id):
            self.conversations.append(id)

    async def make(self, mutation: str, of: str, **values: Any) -> bool:
        """Run a mutation until it is answered, and say whether it was done."""
        kind = mutation[0].upper() + mutation[1:]
        operation = (
            f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ {of} {{ id version }} "
            "userErrors { code } } }"
        )
        while (payload := await self.attempts.make(self.client, self.url(), operation, values)) is None:  # noqa: ASYNC110 - as any client
            await asyncio.sleep(RETRY_SECONDS)
        if payload["userErrors"]:
            return False
        self.acknowledged.append((payload[of]["id"], payload[of]["version"]))
        return True

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))


@dataclass(slots=True)
class Copy:
    """A copy of the user's objects that a client keeps by reading the changes page by page."""

    client: Client
    url: Callable[[], str]
    cursor: str | None = None
    versions: dict[str, int | None] = field(default_factory=dict)
    """The version of each object, by its id; None if it was removed."""
    attempts: Attempts = field(default_factory=Attempts)

    async def keep(self, enough: asyncio.Event) -> None:
        """Read again and again until there is enough."""
        while not enough.is_set():
            await self.pull()
            await asyncio.sleep(0.2)

    async def pull(self) -> None:
        """Read to the present end of the feed."""
        more = True
        while more:
            page = await self._page()
            for change in page["nodes"]:
                self.versions[change["id"]] = change["node"] and change["node"]["version"]
            self.cursor, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    async def _page(self) -> dict[str, Any]:
        while (page := await self.attempts.ask(self.client, self.url(), PAGE, after=self.cursor)) is None:  # noqa: ASYNC110 - as any client
            await asyncio.sleep(RETRY_SECONDS)
        return page


@dataclass(slots=True)
class Everything:
    """A user, who changes the objects, who follows all changes, and who keeps copies."""

    client: Client
    begin: int
    """The version of the feed before the first change."""
    end: str
    """The id of the conversation that is created last."""
    editors: list[Editor]
    followers: list[Follower]
    copies: list[Copy]

    async def add_to(self, account: Account, stage: Stage) -> None:
        """Compare what everybody saw with what the database has, and add it to a run's account."""
        connection = await stage.connect()
        try:
            found = await connection.fetch(_STORED, self.client.user_id, self.begin)
            rows = await self._rows(connection)
        finally:
            await connection.close()
        stored = [
            Stored(version, _value(id, _OPS[op], version, self.end), "everything", number, at)
            for number, (version, id, op, at) in enumerate(found, start=1)
        ]
        verdict = check_views(stored, [follower.view() for follower in self.followers])
        versions = {each.version for each in stored}
        lost = [
            f"{id}: version {version} is not in the feed"
            for editor in self.editors
            for id, version in editor.acknowledged
            if version not in versions
        ]
        divided = [
            f"{id}: a copy has version {copy.versions.get(id)} where {version} is stored"
            for copy in self.copies
            for id, version in rows.items()
            if copy.versions.get(id) != version
        ]
        account.verdict += verdict + Verdict(lost=tuple(lost), divided=tuple(divided))
        account.counts = {
            **account.counts,
            "changes of all types": len(stored),
            "of these seen": sum(len(follower.seen) for follower in self.followers),
        }

    async def _rows(self, connection: asyncpg.Connection) -> dict[str, int]:
        rows: dict[str, int] = {}
        for (table,) in await connection.fetch(_TABLES, self.client.user_id):
            found = await connection.fetch(
                f"SELECT id::text, version FROM parley.{table} WHERE user_id = $1",  # noqa: S608 - our own tables
                self.client.user_id,
            )
            rows.update((row["id"], row["version"]) for row in found)
        return rows

    async def go_on(self, enough: asyncio.Event) -> None:
        """Change, follow and copy until there is enough, and until everybody has come to the end."""
        async with asyncio.TaskGroup() as following:
            for follower in self.followers:
                following.create_task(follower.follow())
            async with asyncio.TaskGroup() as editing:
                for each in self.editors:
                    editing.create_task(each.edit(enough))
                for copy in self.copies:
                    editing.create_task(copy.keep(enough))
            await self.editors[0].create(self.end)
        for copy in self.copies:
            await copy.pull()


def _value(id: str, op: str, version: int, end: str) -> str:
    return end if id == end else f"{id} {op} {version}"


@asynccontextmanager
async def changing(stage: Stage, everything: Everything) -> AsyncIterator[None]:
    """Objects change for as long as the block runs; then everybody comes to the end."""
    enough = asyncio.Event()
    async with asyncio.TaskGroup() as changes:
        changes.create_task(everything.go_on(enough))
        try:
            yield
        finally:
            enough.set()
            await stage.heal()


async def everything_at(stage: Stage, seed: int, patience_seconds: float) -> Everything:
    """A new user who changes objects of several types."""
    user = await stage.signed_up()
    cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    end = str(uuid.UUID(int=dice("the end of everything", seed).getrandbits(128), version=4))

    def value_of(event: dict[str, Any]) -> str:
        return _value(event["id"], event["op"], int(event["cursor"].partition(".")[2]), end)

    def url(own: random.Random) -> Callable[[], str]:
        return lambda: stage.any_url(own)

    def follower(own: random.Random, number: int) -> Follower:
        return Follower(
            client=user,
            name=f"follower-of-everything-{number}",
            cursor=cursor,
            end=end,
            url=url(own),
            dice=own,
            operation=CHANGES,
            value_of=value_of,
            hops_after=100,
            connections=Connections(patience_seconds),
        )

    def own(what: str, number: int) -> random.Random:
        return dice(f"{what} {number}", seed)

    return Everything(
        user,
        int(cursor.partition(".")[2]),
        end,
        [Editor(user, url(own("editor urls", n)), own("editor", n)) for n in range(_EDITORS)],
        [follower(own("follower of everything", n), n) for n in range(_FOLLOWERS)],
        [Copy(user, url(own("copy", n))) for n in range(_COPIES)],
    )
