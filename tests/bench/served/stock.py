"""Strawberry as its documentation shows: resolvers and DataLoaders over asyncpg, ASGI on uvicorn.

The parser and validation caches are on. Tenants are kept apart by the statements alone, on a role that row-level
security does not bind. Started by the benchmark as a process of its own:
`python -m tests.bench.served.stock CALLERS URL`.
"""

from __future__ import annotations

import asyncio
import datetime
import enum
import os
import socket
import sys
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import asyncpg
import strawberry
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

from tests.bench.served.ceiling import known_callers

CALLERS, URL = "PARLEY_BENCH_CALLERS", "PARLEY_BENCH_URL"
CONVERSATION = "id, title, model, system_prompt, message_count, active_at, last_message_id"
MESSAGE = "id, seq, role, content, created_at, updated_at"
PAGE = 50

Item = TypeVar("Item")
Info = strawberry.Info[dict[str, Any], None]


@strawberry.type
class Page(Generic[Item]):
    nodes: list[Item]


@strawberry.enum
class MessageRole(enum.Enum):
    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


@strawberry.enum
class ToolStatus(enum.Enum):
    PENDING = "pending"
    APPROVED = "approved"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@strawberry.type
class ToolExecution:
    id: strawberry.ID
    tool_name: str
    status: ToolStatus
    created_at: datetime.datetime

    @classmethod
    def of(cls, row: asyncpg.Record) -> ToolExecution:
        return cls(
            id=row["id"], tool_name=row["tool_name"], status=ToolStatus(row["status"]), created_at=row["created_at"]
        )


@strawberry.type
class Message:
    id: strawberry.ID
    seq: int
    role: MessageRole
    content: str
    created_at: datetime.datetime
    updated_at: datetime.datetime

    @classmethod
    def of(cls, row: asyncpg.Record) -> Message:
        return cls(
            id=row["id"],
            seq=row["seq"],
            role=MessageRole(row["role"]),
            content=row["content"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )

    @strawberry.field
    async def tool_executions(self, info: Info, first: int = PAGE) -> Page[ToolExecution]:
        tools: DataLoader[Any, list[ToolExecution]] = info.context["tools"]
        return Page(nodes=(await tools.load(self.id))[:first])


@strawberry.type
class Conversation:
    id: strawberry.ID
    title: str | None
    model: str
    system_prompt: str | None
    message_count: int
    active_at: datetime.datetime
    last_message_id: strawberry.Private[UUID | None]

    @classmethod
    def of(cls, row: asyncpg.Record) -> Conversation:
        return cls(**row)

    @strawberry.field
    async def last_message(self, info: Info) -> Message | None:
        messages: DataLoader[UUID, Message | None] = info.context["messages"]
        return await messages.load(self.last_message_id) if self.last_message_id else None

    @strawberry.field
    async def messages(self, info: Info, first: int = PAGE) -> Page[Message]:
        pages: DataLoader[tuple[Any, int], list[Message]] = info.context["message_pages"]
        return Page(nodes=await pages.load((self.id, first)))


@strawberry.type
class UsageDay:
    day: datetime.date
    requests: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost_usd: Decimal


@strawberry.type
class User:
    @strawberry.field
    async def conversations(self, info: Info, first: int = PAGE) -> Page[Conversation]:
        rows = await info.context["pool"].fetch(
            f"SELECT {CONVERSATION} FROM conversations WHERE user_id = $1 AND deleted_at IS NULL"  # noqa: S608
            " ORDER BY active_since DESC, id DESC LIMIT $2",
            info.context["user_id"],
            first,
        )
        return Page(nodes=[Conversation.of(row) for row in rows])

    @strawberry.field
    async def usage_days(self, info: Info, first: int = PAGE) -> Page[UsageDay]:
        rows = await info.context["pool"].fetch(
            "SELECT day, requests, input_tokens, output_tokens, total_tokens, cost_usd FROM usage_days"
            " WHERE user_id = $1 ORDER BY day DESC LIMIT $2",
            info.context["user_id"],
            first,
        )
        return Page(nodes=[UsageDay(**row) for row in rows])


@strawberry.type
class Query:
    @strawberry.field
    def viewer(self) -> User:
        return User()

    @strawberry.field
    async def conversation(self, info: Info, id: strawberry.ID) -> Conversation | None:
        row = await info.context["pool"].fetchrow(
            f"SELECT {CONVERSATION} FROM conversations WHERE user_id = $1 AND id = $2",  # noqa: S608
            info.context["user_id"],
            id,
        )
        return Conversation.of(row) if row else None


@strawberry.input
class AddMessageInput:
    conversation_id: strawberry.ID
    role: MessageRole
    content: str


@strawberry.type
class UserError:
    message: str


@strawberry.type
class AddMessagePayload:
    message: Message
    user_errors: list[UserError]


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def add_message(
        self, info: Info, given: Annotated[AddMessageInput, strawberry.argument(name="input")]
    ) -> AddMessagePayload:
        row = await info.context["pool"].fetchrow(
            # The trigger that numbers messages works as the tables' owner, whom row-level security binds.
            "INSERT INTO messages (user_id, conversation_id, role, content) SELECT $1::uuid, $2, $3, $4"  # noqa: S608
            f" FROM (SELECT set_config('app.user_id', ($1::uuid)::text, true)) AS stamp RETURNING {MESSAGE}",
            info.context["user_id"],
            given.conversation_id,
            given.role.value,
            given.content,
        )
        return AddMessagePayload(message=Message.of(row), user_errors=[])


class Loads:
    """The batches of one request: keys in, and what belongs to each, in the order of the keys."""

    def __init__(self, pool: asyncpg.Pool, user_id: UUID) -> None:
        self.pool = pool
        self.user_id = user_id

    async def messages(self, ids: list[UUID]) -> list[Message | None]:
        text = f"SELECT {MESSAGE} FROM messages WHERE user_id = $1 AND id = ANY($2::uuid[])"  # noqa: S608
        found = {row["id"]: Message.of(row) for row in await self.pool.fetch(text, self.user_id, ids)}
        return [found.get(id) for id in ids]

    async def message_pages(self, keys: list[tuple[UUID, int]]) -> list[list[Message]]:
        rows = await self.pool.fetch(
            "SELECT k.key AS parent, m.* FROM unnest($2::uuid[]) AS k (key) CROSS JOIN LATERAL"  # noqa: S608
            f" (SELECT {MESSAGE} FROM messages"
            " WHERE user_id = $1 AND conversation_id = k.key AND deleted_at IS NULL ORDER BY seq LIMIT $3) AS m",
            self.user_id,
            [id for id, _ in keys],
            max(first for _, first in keys),
        )
        found: dict[UUID, list[Message]] = {id: [] for id, _ in keys}
        for row in rows:
            found[row["parent"]].append(Message.of(row))
        return [found[id][:first] for id, first in keys]

    async def tools(self, ids: list[UUID]) -> list[list[ToolExecution]]:
        rows = await self.pool.fetch(
            "SELECT message_id, id, tool_name, status, created_at FROM tool_executions"
            " WHERE user_id = $1 AND message_id = ANY($2::uuid[]) AND deleted_at IS NULL ORDER BY created_at, id",
            self.user_id,
            ids,
        )
        found: dict[UUID, list[ToolExecution]] = {id: [] for id in ids}
        for row in rows:
            found[row["message_id"]].append(ToolExecution.of(row))
        return [found[id] for id in ids]


class Application(GraphQL[dict[str, Any], None]):
    """The ASGI application, with a context for each request."""

    pool: asyncpg.Pool | None = None
    users: dict[str, UUID]
    opening = asyncio.Lock()

    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:
        async with self.opening:
            if self.pool is None:
                self.pool = await asyncpg.create_pool(os.environ[URL], server_settings={"search_path": "parley"})
        user_id = self.users[request.headers["authorization"]]
        loads = Loads(self.pool, user_id)
        return {
            "pool": self.pool,
            "user_id": user_id,
            "messages": DataLoader(load_fn=loads.messages),
            "message_pages": DataLoader(load_fn=loads.message_pages),
            "tools": DataLoader(load_fn=loads.tools),
        }


def application() -> Application:
    """What uvicorn serves."""
    made = Application(strawberry.Schema(Query, Mutation, extensions=[ParserCache, ValidationCache]))
    made.users = known_callers(os.environ[CALLERS])
    return made


def main(callers: str, url: str) -> None:
    """Take a port, say which, and become uvicorn."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.set_inheritable(True)
    os.environ.update({CALLERS: callers, URL: url})
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    options = ["--factory", "--fd", str(listening.fileno()), "--log-level", "error", "--no-access-log"]
    os.execv(sys.executable, [sys.executable, "-m", "uvicorn", "tests.bench.served.stock:application", *options])  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:3])
