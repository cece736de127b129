"""The few fields of the schema that GraphiQL's page relies on, in memory."""

import asyncio
import inspect
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from graphql import ExecutionResult, GraphQLError, build_schema, graphql, parse, subscribe

from gateway.http import graphiql

SCHEMA = """
scalar Cursor scalar DateTime scalar Decimal
enum MessageRole { USER ASSISTANT }
type User { id: ID! email: String! fullName: String! feedCursor: Cursor! conversations(first: Int): Conversations! }
type Conversations { totalCount: Int! nodes: [Conversation!]! pageInfo: PageInfo! }
type PageInfo { hasNextPage: Boolean! endCursor: Cursor }
type Conversation { id: ID! title: String! provider: String! model: String! messageCount: Int! lastMessage: Message usage: Usage! }
type Usage { totalTokens: Int! costUsd: Decimal! }
type Message { id: ID! seq: Int! role: MessageRole! content: String! createdAt: DateTime! }
type UserError { code: String! field: String message: String! }
type Session { accessToken: String refreshToken: String expiresAt: DateTime user: User userErrors: [UserError!]! }
type SignedOut { userErrors: [UserError!]! }
type MessagePayload { message: Message userErrors: [UserError!]! }
type MessageAdded { cursor: Cursor! message: Message! }
input SignInInput { email: String! password: String! deviceId: String deviceName: String }
input SignOutInput { sessionId: ID }
input RefreshSessionInput { refreshToken: String! }
input AddMessageInput { conversationId: ID! role: MessageRole! content: String! }
type Query { viewer: User }
type Mutation {
  signIn(input: SignInInput!): Session!
  refreshSession(input: RefreshSessionInput!): Session!
  signOut(input: SignOutInput!): SignedOut!
  addMessage(input: AddMessageInput!): MessagePayload!
}
type Subscription { messageAdded(conversationId: ID, after: Cursor): MessageAdded! }
"""  # noqa: E501
USER = {"id": "u1", "email": "demo@parley.example", "fullName": "Dana Demo"}


@dataclass
class Toy:
    """The root value: the mutations and the subscription are its methods."""

    demo: graphiql.Demo
    lifetime: timedelta = timedelta(minutes=15)
    messages: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def viewer(self, info: Any) -> dict[str, Any] | None:
        if info.context not in self.tokens:
            return None
        last = self.messages[-1] if self.messages else None
        thread = {
            "id": "01980000-0000-7000-8000-000000000001",
            "title": "Plan the spring release",
            "provider": "anthropic",
            "model": "claude",
            "messageCount": len(self.messages),
            "lastMessage": last,
            "usage": {"totalTokens": 1204, "costUsd": "0.0181"},
        }
        listed = {"totalCount": 1, "nodes": [thread], "pageInfo": {"hasNextPage": False, "endCursor": None}}
        return {**USER, "feedCursor": str(len(self.messages)), "conversations": listed}

    def signIn(self, info: Any, input: dict[str, str]) -> dict[str, Any]:  # noqa: N802
        if (input["email"], input["password"]) != (self.demo.email, self.demo.password):
            error = {"code": "CREDENTIALS", "message": "This e-mail and password do not belong together."}
            return {"userErrors": [error]}
        return self._grant()

    def refreshSession(self, info: Any, input: dict[str, str]) -> dict[str, Any]:  # noqa: N802
        assert input["refreshToken"] == f"refresh-{len(self.tokens)}"
        return self._grant()

    def signOut(self, info: Any, input: dict[str, str]) -> dict[str, Any]:  # noqa: N802
        self.tokens.remove(info.context)
        return {"userErrors": []}

    async def addMessage(self, info: Any, input: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        now = datetime.now(UTC).isoformat()
        seq = len(self.messages) + 1
        message = {
            "id": f"m{seq}",
            "seq": seq,
            "role": input["role"],
            "content": input["content"],
            "createdAt": now,
        }
        async with self.arrived:
            self.messages.append(message)
            self.arrived.notify_all()
        return {"message": message, "userErrors": []}

    async def messageAdded(  # noqa: N802
        self,
        info: Any,
        conversationId: str | None = None,  # noqa: N803
        after: str | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        if info.context not in self.tokens:
            raise GraphQLError("Sign in first.")
        at = len(self.messages) if after is None else int(after)
        while True:
            async with self.arrived:
                while len(self.messages) <= at:
                    await self.arrived.wait()
            at += 1
            yield {"messageAdded": {"cursor": str(at), "message": self.messages[at - 1]}}

    def _grant(self) -> dict[str, Any]:
        self.tokens.append(f"access-{len(self.tokens) + 1}")
        return {
            "accessToken": self.tokens[-1],
            "refreshToken": f"refresh-{len(self.tokens)}",
            "expiresAt": (datetime.now(UTC) + self.lifetime).isoformat(),
            "user": {**USER, "feedCursor": "0"},
            "userErrors": [],
        }


def application(toy: Toy) -> web.Application:
    schema = build_schema(SCHEMA)

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade") == "websocket":
            return await _live(request)
        body = await request.json()
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if "__schema" in body["query"] and token not in toy.tokens:
            return web.json_response({"errors": [{"message": "Sign in to see the schema."}]}, status=401)
        result = await graphql(schema, body["query"], toy, token, body.get("variables"), body.get("operationName"))
        return web.json_response(result.formatted)

    async def _live(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=["graphql-transport-ws"])
        await socket.prepare(request)
        token = (await socket.receive_json())["payload"].get("Authorization", "").removeprefix("Bearer ")
        await socket.send_json({"type": "connection_ack"})
        message = await socket.receive_json()
        query, variables = message["payload"]["query"], message["payload"].get("variables")
        events = subscribe(schema, parse(query), toy, token, variables)
        if inspect.isawaitable(events):
            events = await events
        if isinstance(events, ExecutionResult):
            await socket.send_json({"id": message["id"], "type": "error", "payload": events.formatted["errors"]})
            return socket
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(_send(socket, message["id"], events))
            async for _ in socket:
                pass
            sending.cancel()
        return socket

    async def _send(socket: web.WebSocketResponse, id: str, events: AsyncIterator[ExecutionResult]) -> None:
        async for event in events:
            await socket.send_str(json.dumps({"id": id, "type": "next", "payload": event.formatted}))

    app = web.Application()
    app.add_routes(graphiql.routes("/graphql", toy.demo))
    app.add_routes([web.get("/graphql", answer), web.post("/graphql", answer)])
    return app
