"""`parley demo agent`: an agent at work, seen live on the chat page. An example for developers of agents.

It writes an answer piece by piece, proposes two tools, waits until a person has decided, runs what was approved, and
writes what came of it. Then it waits for the person's next message.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiohttp

from gateway.demo import EMAIL, PASSWORD
from gateway.demo.api import Api, ApiError
from gateway.refusal import Refusal

PROVIDER, MODEL = "anthropic", "claude-sonnet-4-5"
PIECE_SECONDS = 0.05
TOOL_SECONDS = 1.5
SCOPES = ["read", "messages:write", "tools:propose", "tools:execute", "usage:write"]
TOOLS = (
    ("list_changes", "READ_ONLY", {"since": "v1.0.0"}, {"changes": 17, "breaking": 0}, "0.001"),
    ("publish_release", "HIGH", {"version": "1.1.0", "channel": "stable"}, {"published": "1.1.0"}, "0.25"),
)
"""For each tool that it proposes: the name, the risk, the arguments, the result of running it, and the cost in USD."""

DECISIONS = """subscription ($conversationId: ID!, $after: Cursor) {
  toolExecutionChanged(conversationId: $conversationId, after: $after) {
    cursor toStatus toolExecution { id transitions { reason } }
  }
}"""
MESSAGES = """subscription ($conversationId: ID!, $after: Cursor) {
  messageAdded(conversationId: $conversationId, after: $after) { cursor message { role content } }
}"""

Tell = Callable[[str], None]


async def work(url: str, tell: Tell, *, once: bool = False, piece_seconds: float = PIECE_SECONDS) -> None:
    """Work in a new conversation of the demo account until cancelled, or until one request is answered.

    Raises `Refusal` if the gateway cannot be used.
    """
    url = url.rstrip("/").removesuffix("/graphql")
    try:
        async with aiohttp.ClientSession() as http, agent_token(http, url) as token:
            agent = Agent(Api(http, url, token), tell, piece_seconds)
            await agent.begin()
            while True:
                await agent.answer()
                if once:
                    return
                await agent.wait_for_message()
    except ApiError as error:
        raise Refusal(f"The demo agent cannot go on: {error}") from error


@asynccontextmanager
async def agent_token(http: aiohttp.ClientSession, url: str) -> AsyncIterator[str]:
    """Create a token for the agent as the person who owns the account, and revoke it at the end."""
    expires = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    wanted = {"id": str(uuid4()), "name": "Demo agent", "scopes": SCOPES, "expiresAt": expires}
    async with signed_in(http, url) as person:
        made = await person.change("createAgentToken", "token agentToken { id }", **wanted)
    try:
        yield made["token"]
    finally:
        async with signed_in(http, url) as person:
            await person.change("revokeAgentToken", "agentToken { id }", id=made["agentToken"]["id"])


@asynccontextmanager
async def signed_in(http: aiohttp.ClientSession, url: str) -> AsyncIterator[Api]:
    """The demo account, signed in for the duration of the block."""
    account = {"email": EMAIL, "password": PASSWORD, "deviceId": "demo-agent", "deviceName": "Demo agent"}
    operation = "mutation ($input: SignInInput!) { signIn(input: $input) { accessToken userErrors { message } } }"
    granted = (await Api(http, url).run(operation, tries=1, input=account))["signIn"]
    if granted["userErrors"]:
        raise Refusal(f"{url} has no demo account. `parley demo` makes one, in the database that it serves.")
    person = Api(http, url, granted["accessToken"])
    try:
        yield person
    finally:
        await person.change("signOut", "session { id }")


class Agent:
    """What the agent does in its conversation."""

    def __init__(self, api: Api, tell: Tell, piece_seconds: float) -> None:
        self.api = api
        self.tell = tell
        self.piece_seconds = piece_seconds
        self.request = "Is the next release ready?"

    async def begin(self) -> None:
        """Open a conversation. Whatever happens in it from now on, the agent sees."""
        self.cursor = (await self.api.run("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
        values = {"id": str(uuid4()), "title": "The demo agent at work", "provider": PROVIDER, "model": MODEL}
        made = await self.api.change("createConversation", "conversation { id }", **values)
        self.conversation = made["conversation"]["id"]
        self.page = f"{self.api.url}/chat#{self.conversation}"
        self.tell(f"Working in a new conversation. Watch it: {self.page}")

    async def answer(self) -> None:
        """Answer a request: propose tools, wait for the decisions, run what was approved, and conclude."""
        message = await self.write(
            f"You asked: “{self.request[:200]}” I will look at what has changed since the last release. "
            "If nothing speaks against it, I would like to publish version 1.1.0."
        )
        outcomes = await self.use_tools(message)
        await self.write(" ".join(outcomes))
        self.tell("Answered.")

    async def use_tools(self, message: str) -> list[str]:
        """Propose each tool, and run it once it is approved. Returns a sentence about each."""
        waiting: dict[str, tuple[str, Any, str]] = {}
        outcomes = []
        try:
            for name, risk, arguments, result, cost in TOOLS:
                await self.api.change("suggestToolRisk", "knownTool { id }", toolName=name, risk=risk)
                values = {"messageId": message, "toolName": name, "parameters": arguments, "estimatedCostUsd": cost}
                waiting[id := str(uuid4())] = (name, result, cost)
                made = await self.api.change("proposeToolExecution", "toolExecution { status }", id=id, **values)
                if made["toolExecution"]["status"] == "PENDING":
                    self.tell(f"Waiting for your approval of {name}: open {self.page}")
            async with self.events(DECISIONS) as events:
                while waiting:
                    event = await anext(events)
                    id, moves = event["toolExecution"]["id"], event["toolExecution"]["transitions"]
                    if id in waiting and event["toStatus"] in ("APPROVED", "CANCELLED"):
                        use = self.run_tool if event["toStatus"] == "APPROVED" else self.leave_tool
                        outcomes.append(await use(id, *waiting.pop(id), moves[-1]["reason"]))
        finally:
            for id in waiting:
                await self.api.change("cancelToolExecution", "toolExecution { id }", id=id, reason="The agent stopped.")
        return outcomes

    async def run_tool(self, id: str, name: str, result: Any, cost: str, _reason: str | None) -> str:
        """Run an approved tool: a real agent would call it between start and completion."""
        self.tell(f"{name} was approved. Running it.")
        await self.api.change("startToolExecution", "toolExecution { id }", id=id)
        await asyncio.sleep(TOOL_SECONDS if self.piece_seconds else 0)
        await self.api.change("completeToolExecution", "toolExecution { id }", id=id, result=result, costUsd=cost)
        return f"{name} is done: {', '.join(f'{value} {key}' for key, value in result.items())}."

    async def leave_tool(self, _id: str, name: str, _result: Any, _cost: str, reason: str | None) -> str:
        """Do without a tool that was refused."""
        self.tell(f"{name} was refused{f': {reason}' if reason else ''}")
        return f"I have not run {name}{f', because “{reason}”' if reason else ''}."

    async def write(self, text: str) -> str:
        """Write a message piece by piece within the person's budget, and return its id."""
        id, pieces, offset = str(uuid4()), text.split(" "), 0
        call = {"id": str(uuid4()), "provider": PROVIDER, "model": MODEL}
        tokens_in, tokens_out, cost = 400 + len(self.request), len(pieces), "0.002"
        # Refused if a quota leaves too little. `recordUsage` with the same id settles it.
        estimate = {"estimatedInputTokens": tokens_in, "estimatedOutputTokens": tokens_out, "estimatedCostUsd": cost}
        await self.api.change("reserveUsage", "usageReservation { id }", **call, **estimate)
        await self.api.change("startMessage", "message { id }", id=id, conversationId=self.conversation, model=MODEL)
        try:
            for number, piece in enumerate(pieces):
                piece += " " if number < len(pieces) - 1 else ""
                grown = await self.api.change("appendMessage", "length", id=id, offset=offset, text=piece)
                offset = grown["length"]
                await asyncio.sleep(self.piece_seconds)
        except BaseException:
            await self.api.change("cancelMessage", "message { id }", id=id)
            raise
        await self.api.change("finishMessage", "message { id }", id=id, tokenCount=tokens_out, finishReason="stop")
        spent = {"inputTokens": tokens_in, "outputTokens": tokens_out, "costUsd": cost}
        place = {"conversationId": self.conversation, "messageId": id}
        await self.api.change("recordUsage", "usageLog { id }", **call, **spent, **place)
        return id

    def events(self, subscription: str) -> aclosing[AsyncGenerator[dict[str, Any], None]]:
        """The events of the conversation since the request."""
        return aclosing(self.api.follow(subscription, self.cursor, conversationId=self.conversation))

    async def wait_for_message(self) -> None:
        """Wait for the person's next message, which becomes the request."""
        self.tell(f"Waiting for your message: write one at {self.page}")
        async with self.events(MESSAGES) as events:
            async for event in events:
                if event["message"]["role"] == "USER":
                    self.request, self.cursor = event["message"]["content"], event["cursor"]
                    return
