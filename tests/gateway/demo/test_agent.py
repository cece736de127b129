"""The demo agent works through the API as any agent would: it asks before it acts, and survives a lost connection."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway import demo
from gateway.data.server.embedded import EmbeddedDatabase
from gateway.data.server.opening import OpenDatabase
from gateway.demo.agent import work
from gateway.refusal import Refusal
from tests.kit.database import Database, new_database
from tests.kit.environment import without_settings
from tests.kit.network.line import line_to
from tests.kit.network.ports import free_port
from tests.kit.serving import PATIENCE_SECONDS, Client, Serving, serving_on

ROOT = Path(__file__).parents[3]
CONVERSATION = """query ($id: ID!) { conversation(id: $id) {
  messages { nodes { role status content } }
  toolExecutions { nodes { id toolName status costUsd message { seq } transitions { to actor reason } } }
  usage { requests costUsd }
} }"""


@pytest.fixture(scope="module")
async def serving(database: Database) -> AsyncIterator[Serving]:
    await demo.fill(OpenDatabase(database.runtime_url, database.owner_url))
    with tempfile.TemporaryDirectory() as directory:
        async with serving_on(database, Path(directory)) as made:
            yield made


@pytest.fixture(scope="module")
async def person(serving: Serving) -> Client:
    """The demo account, which decides."""
    client = serving.anonymous()
    account = {"email": demo.EMAIL, "password": demo.PASSWORD}
    client.token = (await client.mutate("signIn", "accessToken", **account))["accessToken"]
    return client


class Watched:
    """An agent at work, and what it has said."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[str] = asyncio.Queue()
        self.task: asyncio.Task[None]

    async def until(self, words: str) -> str:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while words not in (line := await self.said.get()):
                pass
        return line

    async def begun(self) -> str:
        """The id of its conversation."""
        return (await self.until("Watch it")).partition("#")[2]


@asynccontextmanager
async def agent_at(url: str, **options: Any) -> AsyncIterator[Watched]:
    agent = Watched()
    agent.task = asyncio.create_task(work(url, agent.said.put_nowait, piece_seconds=0, **options))
    try:
        yield agent
    finally:
        agent.task.cancel()
        await asyncio.wait([agent.task])


async def conversation(person: Client, id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await person.data(CONVERSATION, id=id))["conversation"]
    return found


async def pending(person: Client, id: str) -> dict[str, str]:
    """The ids of the conversation's tools that wait for approval, by name."""
    tools = (await conversation(person, id))["toolExecutions"]["nodes"]
    return {tool["toolName"]: tool["id"] for tool in tools if tool["status"] == "PENDING"}


async def test_agent_runs_what_is_approved_and_not_what_is_refused(serving: Serving, person: Client) -> None:
    async with agent_at(serving.url, once=True) as agent:
        id = await agent.begun()
        assert f"{serving.url}/chat#{id}" in await agent.until("approval of publish_release")
        waiting = await pending(person, id)
        assert set(waiting) == {"list_changes", "publish_release"}
        await person.make("approveToolExecution", "toolExecution", id=waiting["list_changes"])
        await agent.until("list_changes was approved")
        await person.make("cancelToolExecution", "toolExecution", id=waiting["publish_release"], reason="Not today.")
        await agent.until("publish_release was refused: Not today.")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await agent.task
    result = await conversation(person, id)
    messages = result["messages"]["nodes"]
    assert [(each["role"], each["status"]) for each in messages] == [("ASSISTANT", "COMPLETE")] * 2
    assert messages[0]["content"].startswith("You asked: “Is the next release ready?” I will look")
    assert "list_changes is done: 17 changes" in messages[1]["content"]
    assert "I have not run publish_release, because “Not today.”." in messages[1]["content"]
    tools = {tool["toolName"]: tool for tool in result["toolExecutions"]["nodes"]}
    assert [each["to"] for each in tools["list_changes"]["transitions"]] == [
        *("PENDING", "APPROVED", "EXECUTING", "COMPLETED")
    ]
    assert tools["list_changes"]["costUsd"] == "0.001"
    assert tools["list_changes"]["message"] == {"seq": 1}
    assert tools["publish_release"]["status"] == "CANCELLED"
    assert result["usage"] == {"requests": 2, "costUsd": "0.004"}


async def test_agent_answers_the_next_message(serving: Serving, person: Client) -> None:
    async with agent_at(serving.url) as agent:
        id = await agent.begun()
        for round in 1, 2:
            await agent.until("approval of publish_release")
            for tool in (await pending(person, id)).values():
                await person.make("approveToolExecution", "toolExecution", id=tool)
            await agent.until("Waiting for your message")
            if round == 1:
                await person.make("addMessage", "message", conversationId=id, role="USER", content="And 🚢 the docs?")
    contents = [each["content"] for each in (await conversation(person, id))["messages"]["nodes"]]
    assert len(contents) == 5
    assert contents[1].endswith("publish_release is done: 1.1.0 published.")
    assert contents[3].startswith("You asked: “And 🚢 the docs?”")


async def test_decision_during_a_cut_is_not_missed(serving: Serving, person: Client) -> None:
    async with line_to(serving.url) as line, agent_at(line.url, once=True) as agent:
        id = await agent.begun()
        await agent.until("approval of publish_release")
        line.cut()
        for tool in (await pending(person, id)).values():
            await person.make("approveToolExecution", "toolExecution", id=tool)
        await line.refused.wait()
        line.mend()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await agent.task
    result = await conversation(person, id)
    assert [each["status"] for each in result["toolExecutions"]["nodes"]] == ["COMPLETED"] * 2
    assert len(result["messages"]["nodes"]) == 2
    assert result["usage"]["requests"] == 2


async def test_agent_has_a_token_of_its_own_and_revokes_it(serving: Serving, person: Client) -> None:
    query = "{ viewer { agentTokens { nodes { name scopes revokedAt } } } }"
    async with agent_at(serving.url) as agent:
        id = await agent.begun()
        await agent.until("approval of publish_release")
        newest = (await person.data(query))["viewer"]["agentTokens"]["nodes"][0]
        assert (newest["name"], newest["revokedAt"]) == ("Demo agent", None)
        assert not {"tools:approve"} & set(newest["scopes"])
        tools = (await conversation(person, id))["toolExecutions"]["nodes"]
        assert {tool["transitions"][0]["actor"] for tool in tools} == {"AGENT"}
    assert all(each["revokedAt"] for each in (await person.data(query))["viewer"]["agentTokens"]["nodes"])


async def test_agent_runs_what_a_rule_approves_without_asking(serving: Serving, person: Client) -> None:
    rules = [
        await person.make("createAutoApprovalRule", "autoApprovalRule", toolName=tool, effect="ALLOW")
        for tool in ("list_changes", "publish_release")
    ]
    try:
        async with agent_at(serving.url, once=True) as agent, asyncio.timeout(PATIENCE_SECONDS):
            id = await agent.begun()
            await agent.task
    finally:
        for rule in rules:
            await person.make("deleteAutoApprovalRule", "autoApprovalRule", id=rule["id"])
    tools = (await conversation(person, id))["toolExecutions"]["nodes"]
    assert [each["to"] for tool in tools for each in tool["transitions"]] == [
        *("PENDING", "APPROVED", "EXECUTING", "COMPLETED") * 2
    ]
    assert {tool["transitions"][1]["actor"] for tool in tools} == {"SYSTEM"}


async def test_agent_keeps_within_the_budget(serving: Serving, person: Client) -> None:
    quota = {"unit": "USD", "period": "DAY", "mode": "HARD", "limit": "0.001"}
    made = await person.make("createUsageQuota", "usageQuota", **quota)
    try:
        with pytest.raises(Refusal, match=r"The demo agent cannot go on: .*quota"):
            await work(serving.url, print, once=True, piece_seconds=0)
    finally:
        await person.make("deleteUsageQuota", "usageQuota", id=made["id"])


async def test_without_a_gateway_it_says_so() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Refusal, match=f"No gateway answers at {nowhere}"):
        await work(nowhere, print)


async def test_without_the_demo_account_it_says_so(cluster: EmbeddedDatabase, template: str, tmp_path: Path) -> None:
    async with new_database(cluster, template) as database, serving_on(database, tmp_path) as serving:
        with pytest.raises(Refusal, match="has no demo account"):
            await work(serving.url, print)


async def test_ctrl_c_leaves_nothing_waiting(serving: Serving, person: Client) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "demo", "agent", "--url", serving.url),
        env={**without_settings(), "PYTHONPATH": str(ROOT), "PARLEY_LOG_FORMAT": "text"},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr
    said = ""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "approval of publish_release" not in said:
            said += (await process.stderr.readline()).decode()
        process.send_signal(signal.SIGINT)
        rest = (await process.stderr.read()).decode()
        assert await process.wait() == 130
    assert "Traceback" not in said + rest
    id = said.partition("#")[2].split()[0]
    tools = (await conversation(person, id))["toolExecutions"]["nodes"]
    assert [tool["transitions"][-1]["reason"] for tool in tools] == ["The agent stopped."] * 2
    sessions = (await person.data("{ viewer { sessions { nodes { deviceName revokedAt } } } }"))["viewer"]["sessions"]
    assert all(each["revokedAt"] for each in sessions["nodes"] if each["deviceName"] == "Demo agent")
