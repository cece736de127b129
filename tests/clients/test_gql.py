"""The Python client `gql` over HTTP and over graphql-transport-ws: a newcomer's first day, in five steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.exceptions import TransportClosed, TransportConnectionFailed, TransportQueryError
from graphql import GraphQLError

from tests.clients.stock import Person, person
from tests.kit.network.line import Line, line_to
from tests.kit.serving import PATIENCE_SECONDS, Serving, first

MESSAGES = """
    subscription ($after: Cursor) { messageAdded(after: $after) { cursor message { seq role content } } }
"""
STATUSES = """
    subscription ($after: Cursor) {
        toolExecutionChanged(after: $after) { cursor fromStatus toStatus toolExecution { id toolName } }
    }
"""
EVERYTHING = """
    query ($id: ID!) {
        viewer {
            email
            usage { requests totalTokens costUsd }
            usageDays { nodes { requests conversations totalTokens costUsd } }
            conversations { totalCount nodes { id title } }
        }
        conversation(id: $id) {
            title
            messageCount
            lastMessage { content }
            messages {
                nodes { seq role content parent { seq } toolExecutions { nodes { toolName } } }
            }
            toolExecutions {
                nodes {
                    toolName parameters result status costUsd
                    message { seq }
                    transitions { from to actor session { deviceName } }
                }
            }
            contextOptimizations {
                nodes { optimizationType tokensSaved summary affectedMessages { nodes { seq } } }
            }
            usageLogs { nodes { model totalTokens costUsd message { seq } } }
            usage { requests inputTokens outputTokens totalTokens costUsd }
        }
    }
"""

RESULT = {"passed": 412, "failed": 0}


@asynccontextmanager
async def watching(line: Line, who: Person) -> AsyncIterator[AsyncClientSession]:
    """A websocket of a device, through a line that can be cut."""
    transport = AIOHTTPWebsocketsTransport(
        url=f"{line.url}/graphql",
        subprotocols=["graphql-transport-ws"],
        init_payload={"Authorization": f"Bearer {who.token}"},
        close_timeout=1,  # after a cut there is nobody to say goodbye to
    )
    async with Client(transport=transport) as session:
        yield session


class Watch:
    """One subscription, and the cursor to go on from after its socket is lost."""

    def __init__(self, operation: str, cursor: str) -> None:
        self._operation = operation
        self._field = "messageAdded" if operation is MESSAGES else "toolExecutionChanged"
        self.cursor = cursor
        self._events: AsyncIterator[dict[str, Any]]

    def begin(self, session: AsyncClientSession) -> None:
        request = GraphQLRequest(self._operation, variable_values={"after": self.cursor})
        self._events = session.subscribe(request)

    async def see(self, count: int) -> list[Any]:
        """The next events: a message's text, or a status."""
        seen = [event[self._field] for event in await first(self._events, count)]
        self.cursor = seen[-1]["cursor"]
        return [event["message"]["content"] if "message" in event else event["toStatus"] for event in seen]

    async def lost(self) -> None:
        """Wait until the client has noticed that its socket is gone."""
        with pytest.raises((TransportClosed, TransportConnectionFailed)):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await anext(self._events)


async def test_a_first_day_from_signing_up_to_reading_it_all_back(serving: Serving) -> None:
    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(line_to(serving.url))
        who = {"email": "newcomer@example.org"}
        ada = await stack.enter_async_context(person(serving.url, "signUp", **who, deviceName="laptop"))
        phone = await stack.enter_async_context(person(serving.url, "signIn", **who, deviceName="phone"))
        start = (await phone.ask("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
        messages, statuses = Watch(MESSAGES, start), Watch(STATUSES, start)

        async with watching(line, phone) as session:
            messages.begin(session)
            statuses.begin(session)

            conversation = (await ada.do("createConversation", "conversation { id }", title="Release"))["id"]
            within = {"conversationId": conversation}
            question = await ada.do("addMessage", "message { id }", **within, role="USER", content="Ready?")
            answer = await ada.do(
                "addMessage",
                "message { id }",
                **within,
                role="ASSISTANT",
                content="I will run the tests.",
                parentId=question["id"],
            )
            assert await messages.see(2) == ["Ready?", "I will run the tests."]

            run = await ada.do(
                "proposeToolExecution",
                "toolExecution { id }",
                messageId=answer["id"],
                toolName="run_tests",
                parameters={"suite": "all"},
            )
            assert await statuses.see(1) == ["PENDING"]

            line.cut()
            await messages.lost()
            await statuses.lost()

        await phone.do("approveToolExecution", "toolExecution { id }", id=run["id"])
        await ada.do("startToolExecution", "toolExecution { id }", id=run["id"])
        await ada.do("addMessage", "message { id }", **within, role="ASSISTANT", content="They run.")
        line.mend()

        async with watching(line, phone) as session:
            messages.begin(session)
            statuses.begin(session)
            assert await statuses.see(2) == ["APPROVED", "EXECUTING"]
            assert await messages.see(1) == ["They run."]

            done = {"id": run["id"], "result": RESULT, "costUsd": "0.0125"}
            await ada.do("completeToolExecution", "toolExecution { id }", **done)
            await ada.do("addMessage", "message { id }", **within, role="ASSISTANT", content="All pass.")
            assert await statuses.see(1) == ["COMPLETED"]
            assert await messages.see(1) == ["All pass."]

        await ada.do(
            "recordContextOptimization",
            "contextOptimization { id }",
            **within,
            triggerReason="TOKEN_LIMIT",
            optimizationType="SUMMARIZATION",
            tokensBefore=7600,
            tokensAfter=1900,
            summary="A release is prepared.",
            affectedMessageIds=[question["id"], answer["id"]],
        )
        await ada.do(
            "recordUsage",
            "usageLog { id }",
            **within,
            messageId=answer["id"],
            provider="anthropic",
            model="claude-sonnet-4-5",
            inputTokens=400,
            outputTokens=60,
            costUsd="0.0021",
        )
        assert await ada.ask(EVERYTHING, id=conversation) == everything(conversation)


def everything(conversation: str) -> Any:
    """What a first day leaves behind."""
    return {
        "viewer": {
            "email": "newcomer@example.org",
            "usage": {"requests": 1, "totalTokens": 460, "costUsd": "0.0021"},
            "usageDays": {"nodes": [{"requests": 1, "conversations": 1, "totalTokens": 460, "costUsd": "0.0021"}]},
            "conversations": {"totalCount": 1, "nodes": [{"id": conversation, "title": "Release"}]},
        },
        "conversation": {
            "title": "Release",
            "messageCount": 4,
            "lastMessage": {"content": "All pass."},
            "messages": {
                "nodes": [
                    _message(1, "USER", "Ready?"),
                    _message(2, "ASSISTANT", "I will run the tests.", parent=1, tool="run_tests"),
                    _message(3, "ASSISTANT", "They run."),
                    _message(4, "ASSISTANT", "All pass."),
                ]
            },
            "toolExecutions": {
                "nodes": [
                    {
                        "toolName": "run_tests",
                        "parameters": {"suite": "all"},
                        "result": RESULT,
                        "status": "COMPLETED",
                        "costUsd": "0.0125",
                        "message": {"seq": 2},
                        "transitions": [
                            _move(None, "PENDING", "laptop"),
                            _move("PENDING", "APPROVED", "phone"),
                            _move("APPROVED", "EXECUTING", "laptop"),
                            _move("EXECUTING", "COMPLETED", "laptop"),
                        ],
                    }
                ]
            },
            "contextOptimizations": {
                "nodes": [
                    {
                        "optimizationType": "SUMMARIZATION",
                        "tokensSaved": 5700,
                        "summary": "A release is prepared.",
                        "affectedMessages": {"nodes": [{"seq": 1}, {"seq": 2}]},
                    }
                ]
            },
            "usageLogs": {
                "nodes": [
                    {
                        "model": "claude-sonnet-4-5",
                        "totalTokens": 460,
                        "costUsd": "0.0021",
                        "message": {"seq": 2},
                    }
                ]
            },
            "usage": {
                "requests": 1,
                "inputTokens": 400,
                "outputTokens": 60,
                "totalTokens": 460,
                "costUsd": "0.0021",
            },
        },
    }


def _message(seq: int, role: str, content: str, *, parent: int | None = None, tool: str | None = None) -> Any:
    tools = [{"toolName": tool}] if tool else []
    above = {"seq": parent} if parent else None
    return {"seq": seq, "role": role, "content": content, "parent": above, "toolExecutions": {"nodes": tools}}


def _move(before: str | None, after: str, device: str) -> Any:
    return {"from": before, "to": after, "actor": "USER", "session": {"deviceName": device}}


async def test_an_operation_that_does_not_fit_the_schema_never_leaves_the_client(serving: Serving) -> None:
    async with person(serving.url, "signUp", email="typo@example.org") as who:
        with pytest.raises(GraphQLError, match="Cannot query field 'converstions'"):
            await who.ask("{ viewer { converstions { totalCount } } }")


async def test_an_error_arrives_with_its_code(serving: Serving) -> None:
    async with person(serving.url, "signUp", email="wrong@example.org") as who:
        with pytest.raises(TransportQueryError) as refused:
            await who.ask("{ viewer { conversations(first: 1000) { totalCount } } }")
    assert refused.value.errors is not None
    assert refused.value.errors[0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_cursor_that_cannot_be_continued_from_is_answered_with_resync(serving: Serving) -> None:
    async with (
        line_to(serving.url) as line,
        person(serving.url, "signUp", email="future@example.org") as who,
        watching(line, who) as session,
    ):
        watch = session.subscribe(GraphQLRequest(MESSAGES, variable_values={"after": "1.999999"}))
        with pytest.raises(TransportQueryError) as broken:
            await anext(watch)
    assert broken.value.errors is not None
    assert broken.value.errors[0]["extensions"]["code"] == "RESYNC"
