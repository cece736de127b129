"""Strawberry's subscriptions as its documentation shows them: an async generator, ASGI on uvicorn, a queue for each.

Events are made in memory when `POST /publish` asks. It keeps no one out and stores nothing. Started by the benchmark as
a process of its own: `python -m tests.bench.live.served.stock`.
"""

from __future__ import annotations

import asyncio
import datetime
import itertools
import os
import socket
import sys
import uuid
from collections.abc import AsyncGenerator

import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache

_numbers = itertools.count(1)
_queues: set[asyncio.Queue[MessageAdded]] = set()


@strawberry.type
class Message:
    id: strawberry.ID
    seq: int
    role: str
    content: str
    created_at: str


@strawberry.type
class MessageAdded:
    cursor: str
    message: Message


@strawberry.type
class Query:
    ready: bool = True


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def message_added(self) -> AsyncGenerator[MessageAdded, None]:
        queue: asyncio.Queue[MessageAdded] = asyncio.Queue()
        _queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            _queues.discard(queue)


async def publish(request: Request) -> JSONResponse:
    """Make an event of the content, for everyone who listens."""
    seq = next(_numbers)
    now = datetime.datetime.now(datetime.UTC).isoformat()
    content = (await request.json())["content"]
    message = Message(id=strawberry.ID(str(uuid.uuid4())), seq=seq, role="USER", content=content, created_at=now)
    for queue in _queues:
        queue.put_nowait(MessageAdded(cursor=f"1.{seq}", message=message))
    return JSONResponse({"seq": seq})


def application() -> Starlette:
    """What uvicorn serves."""
    schema = strawberry.Schema(Query, subscription=Subscription, extensions=[ParserCache, ValidationCache])
    graphql: GraphQL[None, None] = GraphQL(schema)
    return Starlette(routes=[Route("/publish", publish, methods=["POST"]), WebSocketRoute("/graphql", graphql)])


def main() -> None:
    """Take a port, say which, and become uvicorn."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listening.set_inheritable(True)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    options = ["--factory", "--fd", str(listening.fileno()), "--log-level", "error", "--no-access-log"]
    os.execv(  # noqa: S606
        sys.executable, [sys.executable, "-m", "uvicorn", "tests.bench.live.served.stock:application", *options]
    )


if __name__ == "__main__":
    main()
