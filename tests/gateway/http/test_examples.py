"""GraphiQL's examples, run against the real schema with the demo data: each shows what it is meant to show."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway import demo
from gateway.data.server.opening import OpenDatabase
from gateway.http import graphiql
from tests.kit.database import Database
from tests.kit.serving import Client, Serving, first, serving_on

EXAMPLES = {example.title: example for example in graphiql.examples()}


@pytest.fixture(scope="module")
async def serving(database: Database) -> AsyncIterator[Serving]:
    opened = OpenDatabase(database.runtime_url, database.owner_url)
    assert await demo.fill(opened)
    with tempfile.TemporaryDirectory() as directory:
        async with serving_on(database, Path(directory)) as made:
            yield made


@pytest.fixture(scope="module")
async def demo_user(serving: Serving) -> Client:
    """The demo account, signed in by the example for it."""
    client = serving.anonymous()
    granted = (await show(client, "Sign in"))["signIn"]
    assert granted["user"]["email"] == demo.EMAIL
    client.token = granted["accessToken"]
    return client


async def show(client: Client, title: str) -> dict[str, Any]:
    example = EXAMPLES[title]
    return await client.data(example.query, **example.variables)


async def test_the_demo_data_is_made_once(database: Database, serving: Serving) -> None:
    assert not await demo.fill(OpenDatabase(database.runtime_url, database.owner_url))


async def test_inbox_lists_conversations_the_latest_first(demo_user: Client) -> None:
    viewer = (await show(demo_user, "Inbox"))["viewer"]
    listed = viewer["conversations"]["nodes"]
    assert viewer["fullName"] == "Ada Demo"
    assert viewer["conversations"]["totalCount"] == len(listed) == 3
    times = [conversation["lastMessage"]["createdAt"] for conversation in listed]
    assert times == sorted(times, reverse=True)
    assert len({time[:10] for time in times}) == 3
    assert all(conversation["usage"]["totalTokens"] > 0 for conversation in listed)
    assert [len(conversation["tags"]["nodes"]) for conversation in listed] == [2, 1, 1]
    assert all(tag["color"] for conversation in listed for tag in conversation["tags"]["nodes"])
    assert [item["node"]["title"] for item in viewer["trash"]["nodes"]] == ["A haiku about tests"]


async def test_thread_shows_every_kind_of_thing_in_a_conversation(demo_user: Client) -> None:
    thread = (await show(demo_user, "Thread"))["conversation"]
    assert thread["title"] == "Plan the release of Parley"
    assert [message["seq"] for message in thread["messages"]["nodes"]][:3] == [1, 2, 3]
    assert [message["feedback"]["type"] for message in thread["messages"]["nodes"] if message["feedback"]] == [
        "POSITIVE"
    ]
    assert [each["emoji"] for message in thread["messages"]["nodes"] for each in message["reactions"]] == ["👍"]
    tools = [tool for message in thread["messages"]["nodes"] for tool in message["toolExecutions"]["nodes"]]
    assert {tool["status"] for tool in tools} >= {"COMPLETED", "PENDING", "CANCELLED"}
    finished = next(tool for tool in tools if tool["status"] == "COMPLETED")
    assert [move["to"] for move in finished["transitions"]] == ["PENDING", "APPROVED", "EXECUTING", "COMPLETED"]
    assert thread["contextOptimizations"]["nodes"]
    assert thread["usage"]["totalTokens"] > 0


async def test_watch_live_shows_what_send_sends(demo_user: Client) -> None:
    watch = EXAMPLES["Watch live"]
    start = (await show(demo_user, "Inbox"))["viewer"]["feedCursor"]
    async with demo_user.socket() as socket:
        events = await socket.subscribe(watch.query, **{**watch.variables, "after": start})
        sent = (await show(demo_user, "Send"))["addMessage"]
        ((event),) = await first(events, 1)
    assert sent["userErrors"] == []
    assert event["messageAdded"]["message"]["seq"] == sent["message"]["seq"]
    assert event["messageAdded"]["message"]["content"] == EXAMPLES["Send"].variables["input"]["content"]


async def test_approve_a_tool_lets_one_run_and_lists_what_still_waits(demo_user: Client) -> None:
    approved = (await show(demo_user, "Approve a tool"))["approveToolExecution"]
    assert approved["userErrors"] == []
    execution = approved["toolExecution"]
    assert execution["status"] == "APPROVED"
    assert [(move["to"], move["actor"]) for move in execution["transitions"]] == [
        ("PENDING", "AGENT"),
        ("APPROVED", "USER"),
    ]
    assert [tool["toolName"] for tool in execution["conversation"]["toolExecutions"]["nodes"]] == ["announce_release"]
    # A second decision is refused, with what has become of it.
    again = (await show(demo_user, "Approve a tool"))["approveToolExecution"]
    assert again["toolExecution"]["status"] == "APPROVED"
    assert [error["code"] for error in again["userErrors"]] == ["CONFLICT"]


async def test_agent_token_lets_an_agent_in(serving: Serving, demo_user: Client) -> None:
    made = (await show(demo_user, "Agent token"))["createAgentToken"]
    assert made["userErrors"] == []
    assert made["token"].endswith(made["agentToken"]["lastFour"])
    agent = serving.anonymous()
    agent.token = made["token"]
    assert (await agent.data("{ viewer { email } }"))["viewer"]["email"] == demo.EMAIL


async def test_approve_by_rule_approves_at_once_and_says_by_which_rule(demo_user: Client) -> None:
    answer = await show(demo_user, "Approve by rule")
    assert [answer[field]["userErrors"] for field in answer] == [[], []]
    execution = answer["proposeToolExecution"]["toolExecution"]
    assert (execution["status"], execution["approvalReason"]) == ("APPROVED", "RULE")
    assert execution["approvalRule"] == {"note": "Tests may always run.", "timesUsed": 1}
    proposed, approved = execution["transitions"]
    assert (proposed["to"], proposed["actor"]) == ("PENDING", "USER")
    assert (approved["to"], approved["actor"]) == ("APPROVED", "SYSTEM")
    assert "run_tests" in approved["reason"]


async def test_explain_approval_says_why_a_person_would_be_asked(demo_user: Client) -> None:
    explained = (await show(demo_user, "Explain approval"))["explainApproval"]
    assert explained["outcome"] == "PENDING"
    assert explained["explanation"]
    assert explained["risk"] == "HIGH"
    assert explained["rule"] is None


async def test_usage_by_model_lists_the_most_expensive_first(demo_user: Client) -> None:
    viewer = (await show(demo_user, "Usage by model"))["viewer"]
    models, costs = zip(*((each["key"], Decimal(each["costUsd"])) for each in viewer["usageBy"]), strict=True)
    assert set(models) == {"claude-sonnet-4-5", "gpt-4o-mini"}
    assert list(costs) == sorted(costs, reverse=True)
    assert sum(costs) == Decimal(viewer["usage"]["costUsd"])


def test_each_example_has_a_test() -> None:
    assert set(EXAMPLES) == {
        *("Sign in", "Inbox", "Thread", "Send", "Approve a tool", "Watch live", "Agent token"),
        *("Approve by rule", "Explain approval", "Usage by model"),
    }
