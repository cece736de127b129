"""The floor: one frame encoded once, written to each socket by aiohttp, without GraphQL, a database, or a token.

Events are made in memory when `POST /publish` asks. Started by the benchmark as a process of its own:
`python -m tests.bench.live.served.by_hand`.
"""

from __future__ import annotations

import asyncio
import datetime
import itertools
import uuid

import orjson
import uvloop
from aiohttp import WSMsgType, web

_numbers = itertools.count(1)
_sockets: set[web.WebSocketResponse] = set()


async def listen(request: web.Request) -> web.WebSocketResponse:
    """Speak as much of graphql-transport-ws as one subscription takes."""
    socket = web.WebSocketResponse(protocols=("graphql-transport-ws",), compress=False)
    await socket.prepare(request)
    await socket.receive()
    await socket.send_str('{"type":"connection_ack"}')
    await socket.receive()
    _sockets.add(socket)
    try:
        await socket.receive()
    finally:
        _sockets.discard(socket)
    return socket


async def publish(request: web.Request) -> web.Response:
    """Make an event of the content, for everyone who listens."""
    seq = next(_numbers)
    message = {
        "id": str(uuid.uuid4()),
        "seq": seq,
        "role": "USER",
        "content": orjson.loads(await request.read())["content"],
        "createdAt": datetime.datetime.now(datetime.UTC).isoformat(),
    }
    data = {"messageAdded": {"cursor": f"1.{seq}", "message": message}}
    frame = orjson.dumps({"id": "1", "type": "next", "payload": {"data": data}})
    for socket in tuple(_sockets):
        await socket.send_frame(frame, WSMsgType.TEXT)
    return web.Response(body=orjson.dumps({"seq": seq}), content_type="application/json")


async def serve() -> None:
    """Serve until killed; the first line of output is the URL."""
    app = web.Application()
    app.router.add_get("/graphql", listen)
    app.router.add_post("/publish", publish)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve())
