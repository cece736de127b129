"""The ceiling: what the same answers cost without GraphQL. aiohttp, asyncpg and orjson, written by hand for each.

It takes the same token check away and the same tenant stamp along: a caller is looked up by its token in a dictionary.
Started by the benchmark as a process of its own: `python -m tests.bench.ceiling URL TOKEN USER_ID`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import uvloop
from aiohttp import web

MESSAGES = """
    SELECT k.key AS conversation_id, m.id, m.seq, m.role, m.content, m.created_at
    FROM unnest($2::uuid[]) AS k (key)
    CROSS JOIN LATERAL (
        SELECT id, seq, role, content, created_at
        FROM messages
        WHERE user_id = $1 AND conversation_id = k.key AND deleted_at IS NULL
        ORDER BY seq, id
        LIMIT $3
    ) AS m
"""
TOOLS = """
    SELECT message_id, id, tool_name, status
    FROM tool_executions
    WHERE user_id = $1 AND message_id = ANY($2::uuid[]) AND deleted_at IS NULL
    ORDER BY created_at, id
"""
CONVERSATIONS = """
    SELECT id, title, model, message_count, active_at, last_message_id
    FROM conversations
    WHERE user_id = $1 AND deleted_at IS NULL
    ORDER BY active_at DESC, id DESC
    LIMIT $2
"""


class Ceiling:
    """The handlers and their pool."""

    def __init__(self, pool: asyncpg.Pool[Any], callers: dict[str, UUID]) -> None:
        self.pool = pool
        self.callers = callers

    async def handle(self, request: web.Request) -> web.Response:
        caller = self.callers[request.headers["Authorization"].removeprefix("Bearer ")]
        body = orjson.loads(await request.read())
        async with self.pool.acquire() as connection:
            answer = await getattr(self, request.match_info["name"])(connection, caller, body.get("id"))
        return web.Response(body=orjson.dumps(answer, default=str), content_type="application/json")

    async def point(self, connection: Any, caller: UUID, id: str) -> Any:
        text = "SELECT id, title, model, message_count FROM conversations WHERE user_id = $1 AND id = $2"
        return dict(await connection.fetchrow(text, caller, id))

    async def inbox(self, connection: Any, caller: UUID, id: str) -> Any:
        rows = await connection.fetch(CONVERSATIONS, caller, 20)
        text = "SELECT id, role, content, created_at FROM messages WHERE user_id = $1 AND id = ANY($2::uuid[])"
        found = await connection.fetch(text, caller, [row["last_message_id"] for row in rows])
        last = {row["id"]: {k: row[k] for k in ("role", "content", "created_at")} for row in found}
        return [{**dict(row), "last_message": last.get(row["last_message_id"])} for row in rows]

    async def thread(self, connection: Any, caller: UUID, id: str) -> Any:
        return (await self._messages(connection, caller, [UUID(id)], 50))[UUID(id)]

    async def wide(self, connection: Any, caller: UUID, id: str) -> Any:
        rows = await connection.fetch(CONVERSATIONS, caller, 50)
        messages = await self._messages(connection, caller, [row["id"] for row in rows], 20)
        return [{"id": row["id"], "title": row["title"], "messages": messages[row["id"]]} for row in rows]

    async def add(self, connection: Any, caller: UUID, id: str) -> Any:
        text = (
            "INSERT INTO messages (user_id, conversation_id, role, content)"
            " VALUES ($1, $2, 'user', 'Hello there') RETURNING id, seq, created_at"
        )
        return dict(await connection.fetchrow(text, caller, id))

    async def _messages(self, connection: Any, caller: UUID, ids: list[UUID], most: int) -> dict[UUID, list[Any]]:
        rows = await connection.fetch(MESSAGES, caller, ids, most)
        tools: dict[UUID, list[Any]] = {row["id"]: [] for row in rows}
        for tool in await connection.fetch(TOOLS, caller, list(tools)):
            tools[tool["message_id"]].append({k: tool[k] for k in ("id", "tool_name", "status")})
        found: dict[UUID, list[Any]] = {id: [] for id in ids}
        for row in rows:
            item = {k: row[k] for k in ("id", "seq", "role", "content", "created_at")}
            item["tools"] = tools[row["id"]]
            found[row["conversation_id"]].append(item)
        return found


async def serve(url: str, token: str, user_id: str) -> None:
    """Serve until killed; the first line of output is the URL."""

    async def keep(connection: Any) -> None:
        pass

    async def stamp(connection: Any) -> None:
        await connection.execute(f"SELECT set_config('app.user_id', '{UUID(user_id)}', false)")

    pool = await asyncpg.create_pool(
        url, min_size=2, max_size=10, init=stamp, reset=keep, server_settings={"search_path": "parley"}
    )
    app = web.Application()
    app.router.add_post("/{name}", Ceiling(pool, {token: UUID(user_id)}).handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:4]))
