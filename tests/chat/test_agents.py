"""What agents may not change of a conversation: what decides on approvals."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from tests.kit.refused import Refusal, refusals
from tests.kit.rows import unchanged
from tests.kit.serving import Client

SETTINGS = Refusal("INVALID", "autoApprovalSettings", "Only a person can change what is approved automatically.")
METADATA = Refusal("INVALID", "metadata", "Only a person can change metadata whose name begins with approval.")
HELD = {"approvalMode": "ask", "APPROVALS": [1], "colour": "red"}


async def refused(agent: Client, verb: str, **values: Any) -> list[Refusal]:
    kind = f"{verb.title()}ConversationInput"
    text = (
        f"mutation($input: {kind}!) {{ {verb}Conversation(input: $input) {{ userErrors {{ code field message }} }} }}"
    )
    return refusals(await agent.run(text, input=values))


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"colour": "red"},
        {**HELD, "approvalMode": "allow"},
        {**HELD, "approval": True},
        {**HELD, "ApprovalX": None},
        {"approvalMode": "ask", "APPROVALS": [1, 2]},
        {"approvalMode": "ask", "approvals": [1]},
    ],
    ids=str,
)
async def test_an_agent_changes_nothing_about_approvals(
    user: Client, superuser: asyncpg.Connection, metadata: dict[str, Any]
) -> None:
    agent = await user.agent("messages:write")
    conversation = await user.make("createConversation", "conversation", metadata=HELD)
    async with unchanged(superuser, user.user_id):
        assert await refused(agent, "update", id=conversation["id"], metadata=metadata) == [METADATA]
        settings: dict[str, Any] = {"readOnlyOperations": True}
        assert await refused(agent, "update", id=conversation["id"], autoApprovalSettings=settings) == [SETTINGS]
        assert await refused(agent, "create", autoApprovalSettings=settings) == [SETTINGS]
        assert await refused(agent, "create", metadata={"approval": {}}) == [METADATA]


async def test_an_agent_changes_the_rest(user: Client) -> None:
    agent = await user.agent("messages:write", "read")
    conversation = await user.make(
        "createConversation", "conversation", metadata=HELD, autoApprovalSettings={"readOnlyOperations": True}
    )
    wanted = {**HELD, "colour": "blue", "of approval": 1}
    shown = "title metadata autoApprovalSettings"
    changed = await agent.make(
        "updateConversation", "conversation", shown, id=conversation["id"], title="Mine", metadata=wanted,
        autoApprovalSettings={"readOnlyOperations": True},
    )  # fmt: skip
    assert changed == {"title": "Mine", "metadata": wanted, "autoApprovalSettings": {"readOnlyOperations": True}}
    made = await agent.make("createConversation", "conversation", "metadata", metadata={"colour": "red"})
    assert made == {"metadata": {"colour": "red"}}


async def test_an_agent_does_not_reset_what_is_approved(user: Client, superuser: asyncpg.Connection) -> None:
    agent = await user.agent("messages:write")
    values: dict[str, Any] = {"metadata": HELD, "autoApprovalSettings": {"lowRiskOperations": False}}
    conversation = await user.make("createConversation", "conversation", **values)
    async with unchanged(superuser, user.user_id):
        for name, said in (("metadata", METADATA), ("autoApprovalSettings", SETTINGS)):
            assert await refused(agent, "update", id=conversation["id"], **{name: None}) == [said]


async def test_a_person_changes_it_all(user: Client) -> None:
    conversation = await user.make("createConversation", "conversation", metadata=HELD)
    changed = await user.make(
        "updateConversation", "conversation", "metadata", id=conversation["id"], metadata={"approvalMode": "allow"}
    )
    assert changed == {"metadata": {"approvalMode": "allow"}}
