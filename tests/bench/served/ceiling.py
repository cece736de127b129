"""The ceiling: what the same answers cost without GraphQL. aiohttp, asyncpg and orjson, written by hand for each.

It takes the same tenant stamp along, and row-level security binds it; of the token it only looks up whose it is.
Started by the benchmark as a process of its own: `python -m tests.bench.served.ceiling CALLERS URL`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import uvloop
from aiohttp import web

CONVERSATION = (
    'SELECT id, title, model, message_count AS "messageCount" FROM conversations WHERE user_id = $1 AND id = $2'
)
INBOX = """
    SELECT id, title, model, message_count AS "messageCount", active_at AS "activeAt", last_message_id
    FROM conversations
    WHERE user_id = $1 AND deleted_at IS NULL
    ORDER BY active_since DESC, id DESC
    LIMIT 20
"""
LAST_MESSAGES = """
    SELECT id, role, content, created_at AS "createdAt"
    FROM messages
    WHERE user_id = $1 AND id = ANY($2::uuid[])
"""
CONVERSATIONS = """
    SELECT id, title, system_prompt AS "systemPrompt", active_at AS "activeAt"
    FROM conversations
    WHERE user_id = $1 AND deleted_at IS NULL
    ORDER BY active_since DESC, id DESC
    LIMIT 50
"""
MESSAGES = """
    SELECT k.key AS conversation_id, m.*
    FROM unnest($2::uuid[]) AS k (key)
    CROSS JOIN LATERAL (
        SELECT id, seq, role, content, created_at AS "createdAt", updated_at AS "updatedAt"
        FROM messages
        WHERE user_id = $1 AND conversation_id = k.key AND deleted_at IS NULL
        ORDER BY seq
        LIMIT $3
    ) AS m
"""
THREAD = """
    SELECT id, seq, role, content, created_at AS "createdAt"
    FROM messages
    WHERE user_id = $1 AND conversation_id = $2 AND deleted_at IS NULL
    ORDER BY seq
    LIMIT 50
"""
TOOLS = """
    SELECT message_id, id, tool_name AS "toolName", status, created_at AS "createdAt"
    FROM tool_executions
    WHERE user_id = $1 AND message_id = ANY($2::uuid[]) AND deleted_at IS NULL
    ORDER BY created_at, id
"""
USAGE = """
    SELECT day, requests, input_tokens AS "inputTokens", output_tokens AS "outputTokens", total_tokens AS "totalTokens",
        cost_usd AS "costUsd"
    FROM usage_days
    WHERE user_id = $1
    ORDER BY day DESC
    LIMIT 30
"""
ADD = """
    INSERT INTO messages (user_id, conversation_id, role, content)
    VALUES ($1, $2, 'user', 'Hello there')
    RETURNING id, seq, created_at AS "createdAt"
"""


class Ceiling:
    """The handlers and their pool."""

    def __init__(self, pool: asyncpg.Pool, callers: dict[str, UUID]) -> None:
        self.pool = pool
        self.callers = callers

    async def handle(self, request: web.Request) -> web.Response:
        caller = self.callers[request.headers["Authorization"]]
        asked = orjson.loads(await request.read())
        async with self.pool.acquire() as connection:
            await connection.execute(f"SELECT set_config('app.user_id', '{caller}', false)")
            answer = await getattr(self, request.match_info["name"])(connection, caller, asked.get("id"))
        return web.Response(body=orjson.dumps(answer, default=str), content_type="application/json")

    async def point(self, connection: Any, caller: UUID, id: str) -> Any:
        return dict(await connection.fetchrow(CONVERSATION, caller, id))

    async def inbox(self, connection: Any, caller: UUID, id: None) -> Any:
        found = [dict(row) for row in await connection.fetch(INBOX, caller)]
        ids = [row["last_message_id"] for row in found]
        last = {row["id"]: dict(row) for row in await connection.fetch(LAST_MESSAGES, caller, ids)}
        for message in last.values():
            del message["id"]
        for row in found:
            row["lastMessage"] = last.get(row.pop("last_message_id"))
        return found

    async def thread(self, connection: Any, caller: UUID, id: str) -> Any:
        messages = [dict(row) for row in await connection.fetch(THREAD, caller, id)]
        await self._add_tools(connection, caller, messages)
        return messages

    async def wide(self, connection: Any, caller: UUID, id: None) -> Any:
        conversations = [dict(row) for row in await connection.fetch(CONVERSATIONS, caller)]
        by_id: dict[UUID, list[dict[str, Any]]] = {}
        for conversation in conversations:
            conversation["messages"] = by_id[conversation["id"]] = []
        messages = [dict(row) for row in await connection.fetch(MESSAGES, caller, list(by_id), 20)]
        for message in messages:
            by_id[message.pop("conversation_id")].append(message)
        await self._add_tools(connection, caller, messages)
        return conversations

    async def usage(self, connection: Any, caller: UUID, id: None) -> Any:
        return [dict(row) for row in await connection.fetch(USAGE, caller)]

    async def add(self, connection: Any, caller: UUID, id: str) -> Any:
        return dict(await connection.fetchrow(ADD, caller, id))

    async def _add_tools(self, connection: Any, caller: UUID, messages: list[dict[str, Any]]) -> None:
        by_id: dict[UUID, list[dict[str, Any]]] = {}
        for message in messages:
            message["toolExecutions"] = by_id[message["id"]] = []
        for row in await connection.fetch(TOOLS, caller, list(by_id)):
            tool = dict(row)
            by_id[tool.pop("message_id")].append(tool)


def known_callers(callers_file: str) -> dict[str, UUID]:
    """The users by the header that their requests carry."""
    known = orjson.loads(Path(callers_file).read_bytes())
    return {f"Bearer {caller['token']}": UUID(caller["user_id"]) for caller in known}


async def serve(callers_file: str, url: str) -> None:
    """Serve until killed; the first line of output is the URL."""

    async def keep(connection: Any) -> None:
        pass

    pool = await asyncpg.create_pool(
        url, min_size=2, max_size=10, reset=keep, server_settings={"search_path": "parley", "jit": "off"}
    )
    app = web.Application()
    app.router.add_post("/{name}", Ceiling(pool, known_callers(callers_file)).handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:3]))
